-- The columns of the landing tables, in their order.
select table_name, column_name from {staging}.loaded_columns order by table_name, ordinal
