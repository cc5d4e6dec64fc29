-- How many rows the load landed, by table.
select table_name, rows_loaded from {staging}.loaded_tables
