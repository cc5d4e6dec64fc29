-- What was published after the backup into its tables is no more.
update {ledger}.published_rows as owned
set rolled_back_at = now()
from pg_temp.restored_publishes as publishes
where
    owned.run_id = publishes.run_id
    and not publishes.is_before
    and owned.rolled_back_at is null
    and owned.table_name = any({ledger_names})
