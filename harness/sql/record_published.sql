-- The hash is of the row as it stands after every trigger of the application. A row
-- that the same run updates again, after another build, is taken back to what it was
-- before the run, so its first record stays and only the hashes are new.
with written as (
    select
        live.id,
        candidate.action,
        {content_hash} as content_hash,
        {source_hash} as source_hash,
        before.content as before
    from {target} as live
    inner join {candidates} as candidate on live.id = candidate.id
    inner join {mart} as mart on live.id = mart.id
    left join {before} as before on live.id = before.id
    where candidate.action in ('insert', 'update')
),

recorded_again as (
    update {ledger}.published_rows as owned
    set content_hash = written.content_hash, source_hash = written.source_hash
    from written
    where
        owned.run_id = {run_id}
        and owned.table_name = {table_name}
        and owned.row_id = written.id
        and owned.rolled_back_at is null
        and owned.superseded_by is null
    returning owned.row_id
)

insert into {ledger}.published_rows (
    run_id, table_name, row_id, action, content_hash, source_hash, before
)
select
    {run_id},
    {table_name},
    written.id,
    written.action,
    written.content_hash,
    written.source_hash,
    written.before
from written
where written.id not in (select row_id from recorded_again)
