-- How many late rows have a place in the new chat system and no message there.
select
    (
        select count(*)
        from unnest(%(messages)s::uuid []) as late (id)
        cross join lateral {private}.place_message(late.id) as place
        left join {live}.chat_messages as message on late.id = message.id
        where place.session_id is not null and message.id is null
    )
    + (
        select count(*)
        from unnest(%(voice_notes)s::uuid []) as late (id)
        cross join lateral {private}.place_note(late.id) as place
        left join {live}.chat_messages as message on place.message_id = message.id
        where place.message_id is not null and message.id is null
    )
