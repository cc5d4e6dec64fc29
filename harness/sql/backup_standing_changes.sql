-- The changes of the schema that stood at a backup which has kept no list of them: those
-- of the runs that stood.
select coalesce(array_agg(changes.change_id), '{}'::bigint [])
from {ledger}.schema_changes as changes
inner join pg_temp.restored_publishes as publishes
    on changes.run_id = publishes.run_id and publishes.is_before
