-- The things on live tables that runs of ours have made and not rolled back; policies of
-- the application that were dropped are entered as changes, too.
select
    table_name,
    name
from {ledger}.schema_changes
where rolled_back_at is null and ddl !~* '^drop '
