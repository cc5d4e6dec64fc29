-- For one user: some sessions of others and a message in one of them; a session of the
-- user's own, a message of the user's and one of somebody else in such.
with others as (
    select id
    from {live}.chat_sessions
    where not coalesce(participants @> array[{me}::uuid], false)
    order by id
    limit 20
),

own as (
    select id
    from {live}.chat_sessions
    where participants @> array[{me}::uuid]
    limit 20
)

select
    array(select id from others) as other_sessions,
    (
        select to_jsonb(message)
        from others
        cross join lateral (
            select *
            from {live}.chat_messages
            where chat_messages.session_id = others.id
            limit 1
        ) as message
        limit 1
    ) as others_message,
    (select id from own order by id limit 1) as own_session,
    (
        select to_jsonb(message)
        from own
        cross join lateral (
            select *
            from {live}.chat_messages
            where
                chat_messages.session_id = own.id
                and chat_messages.sender_id = {me}::uuid
            limit 1
        ) as message
        limit 1
    ) as own_message,
    (
        select to_jsonb(message)
        from own
        cross join lateral (
            select *
            from {live}.chat_messages
            where
                chat_messages.session_id = own.id
                and chat_messages.sender_id <> {me}::uuid
            limit 1
        ) as message
        limit 1
    ) as received_message,
    (
        select id
        from {live}.bookings
        where
            user_id is distinct from {me}::uuid
            and reader_id is distinct from {me}::uuid
        order by id
        limit 1
    ) as others_booking
