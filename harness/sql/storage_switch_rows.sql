update {table} as live
set {column} = switching.new_reference{filled}
from storage_switching as switching
where live.id = switching.row_id and switching.action = 'switch'
