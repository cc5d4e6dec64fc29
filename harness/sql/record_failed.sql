insert into {ledger}.failed_rows (run_id, table_name, row_id, reason)
select
    {run_id},
    {table_name},
    id,
    reason
from {candidates}
where action = 'failed'
on conflict (run_id, table_name, row_id) do update set reason = excluded.reason
