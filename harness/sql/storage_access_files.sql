-- Some of the copies with the participants of their sessions who are no admins, and
-- somebody who is in another session and not in theirs.
with admins as (
    select id
    from {live}.profiles
    where role::text in ('admin', 'super_admin')
)

select
    file.target_name,
    array(
        select participant.id
        from unnest(session.participants) as participant (id)
        where participant.id not in (select id from admins)
    ) as participants,
    (
        select other.id
        from {live}.chat_sessions as others
        cross join lateral unnest(others.participants) as other (id)
        where
            not other.id = any(session.participants)
            and other.id not in (select id from admins)
        limit 1
    ) as outsider
from {ledger}.storage_files as file
inner join {live}.chat_sessions as session on file.session_id = session.id
where file.pipeline = %(pipeline)s and file.status in ('copied', 'verified')
order by md5(file.target_name)
limit %(tried)s
