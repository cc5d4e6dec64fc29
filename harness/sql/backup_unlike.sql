-- The rows of a live table and of its copy that are not the same. A row that is newer than
-- the backup and was not published as it is now is unexplained: nobody could bring it back.
-- Newer is what bears a time that the copy has not: a session that a run brought forward
-- has those that it had.
select
    coalesce(live.id, kept.id) as id,
    live.place as live_place,
    kept.place as kept_place,
    case
        when kept.place is null then 'added'
        when live.place is null then 'missing'
        else 'changed'
    end as action,
    live.place is not null
    and (
        kept.place is null
        or coalesce(live.newest > {taken_at} and live.times <> kept.times, false)
    )
    and not exists (
        select 1
        from {ledger}.published_rows as published
        where
            published.table_name = {table_name}
            and published.row_id::text = live.id::text
            and published.content_hash = live.content_hash
            and published.rolled_back_at is null
            and published.superseded_by is null
    ) as is_unexplained
from (
    select
        hashed.*,
        row_number() over (
            partition by hashed.id order by hashed.content_hash
        ) as occurrence
    from (
        select
            live.ctid as place,
            live.id,
            {newest} as newest,
            {live_times} as times,
            {live_hash} as content_hash
        from {live}.{table} as live
    ) as hashed
) as live
full join (
    select
        hashed.*,
        row_number() over (
            partition by hashed.id order by hashed.content_hash
        ) as occurrence
    from (
        select
            kept.ctid as place,
            kept.id,
            {kept_times} as times,
            {kept_hash} as content_hash
        from {copy} as kept
    ) as hashed
) as kept on live.id = kept.id and live.occurrence = kept.occurrence
where live.content_hash is distinct from kept.content_hash
