-- How many rows do not name the copy that a switch should have given them.
select count(*)
from storage_switching as switching
left join {table} as live on switching.row_id = live.id
where
    switching.action = 'switch'
    and live.{column} is distinct from switching.new_reference
