-- Some people to act as: who takes part in sessions, one who has none, an admin.
with some_sessions as (
    select participants from {live}.chat_sessions order by id limit 50
),

in_sessions as (
    select distinct member.id
    from some_sessions
    cross join unnest(some_sessions.participants) as member (id)
    where
        exists (
            select
            from {live}.profiles
            where
                profiles.id = member.id
                and {role} not in ('admin', 'super_admin')
        )
),

participants as (
    select 'a participant' as label, id from in_sessions order by id limit {people}
),

strangers as (
    select 'a stranger' as label, profiles.id
    from {live}.profiles
    where
        {role} not in ('admin', 'super_admin')
        and not exists (
            select
            from {live}.chat_sessions
            where chat_sessions.participants @> array[profiles.id]
        )
    limit 1
),

admins as (
    select 'an admin' as label, id
    from {live}.profiles
    where {role} in ('admin', 'super_admin')
    order by id
    limit 1
)

select * from participants
union all
select * from strangers
union all
select * from admins
