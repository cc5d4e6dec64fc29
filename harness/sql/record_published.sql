-- The hash is of the row as it stands after every trigger of the application.
insert into {ledger}.published_rows (run_id, table_name, row_id, content_hash)
select
    {run_id},
    {table_name},
    live.id,
    {content_hash}
from {live}.{table} as live
inner join {candidates} as candidate on live.id = candidate.id
where candidate.action = 'insert'
