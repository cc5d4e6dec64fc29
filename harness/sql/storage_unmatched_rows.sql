-- One row per file or reference of a run that fits nothing.
select
    kind,
    source,
    source_name,
    table_name,
    row_id,
    detail
from {ledger}.storage_unmatched
where run_id = %(run_id)s
order by kind, source, source_name, row_id
