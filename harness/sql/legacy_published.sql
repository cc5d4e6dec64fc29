-- The rows of a live table that earlier consolidations brought, and that stand.
select published.row_id
from {ledger}.published_rows as published
inner join {ledger}.runs as runs on published.run_id = runs.run_id
where
    runs.pipeline = 'consolidation'
    and published.table_name = {table_name}
    and published.action = 'insert'
    and published.rolled_back_at is null
