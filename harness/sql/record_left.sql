insert into {ledger}.left_rows (run_id, table_name, row_id, reason, content_hash)
select
    {run_id},
    {table_name},
    candidate.id,
    candidate.action,
    case when live.id is not null then {content_hash} end
from {candidates} as candidate
left join {target} as live on candidate.id = live.id
where candidate.action in ('changed live', 'conflict', 'removed', 'gone')
on conflict (run_id, table_name, row_id) do update
set reason = excluded.reason, content_hash = excluded.content_hash
