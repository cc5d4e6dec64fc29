update {live}.{table} as live
set {assignments}
from {marts}.{table} as mart
inner join {candidates} as candidate on mart.id = candidate.id
where live.id = mart.id and candidate.action = 'update'
