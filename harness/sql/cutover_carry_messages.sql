-- Carries edits of legacy messages as an update through their view does.
with placed as materialized (
    select
        new.id,
        place.session_id
    from {private}.legacy_messages as new
    inner join {staging}.legacy_messages as old on new.id = old.id
    cross join lateral {private}.place_message(new.id) as place
    where
        new.id = any(%(ids)s::uuid [])
        and new.booking_id is distinct from old.booking_id
),

changed as (
    update {live}.chat_messages as message
    set {changes}
    from {private}.legacy_messages as new
    inner join {staging}.legacy_messages as old on new.id = old.id
    left join placed as place on new.id = place.id
    where message.id = new.id and new.id = any(%(ids)s::uuid [])
    returning
        message.id,
        place.session_id
)

select changed.id::text as id
from changed
where changed.session_id is not null
