-- The checksums of the dump's rows that the load kept.
select
    table_name,
    first_row,
    row_count,
    high,
    low,
    file_name,
    line,
    byte_offset
from {staging}.loaded_checksums
order by table_name, first_row
