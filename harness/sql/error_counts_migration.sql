-- Rows read and rejected of the tables that are migrated.
select
    coalesce(sum(rows_read), 0)::bigint,
    coalesce(sum(rows_rejected), 0)::bigint
from {staging}.loaded_tables
where table_name in ('chat', 'message')
