update {table} as live
set {assignments}
from storage_restoring as restoring
where live.id = restoring.row_id and restoring.action = {action}
