update {target} as live
set {assignments}
from {mart} as mart
inner join {candidates} as candidate on mart.id = candidate.id
where live.id = mart.id and candidate.action = 'update'
