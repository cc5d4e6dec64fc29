-- The live rows of a table that other runs published and nobody took over or rolled
-- back, by run. Placeholders: the live table, and what says that no later run took over.
select
    owned.run_id,
    count(*)
from {ledger}.published_rows as owned
-- As text: a live key may have been given another type since.
inner join {target} as live on owned.row_id::text = live.id::text
where
    owned.run_id <> %(run_id)s
    and owned.table_name = %(name)s
    and owned.rolled_back_at is null
    and {is_newest}
group by owned.run_id
