select
    table_name,
    count(*)
from {ledger}.published_rows
where rolled_back_at is null and superseded_by is null
group by table_name
order by table_name
