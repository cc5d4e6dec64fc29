update {live}.{table} as live
set {assigned}
from {unlike} as unlike
inner join {copy} as kept on unlike.kept_place = kept.ctid
where live.ctid = unlike.live_place and unlike.action = 'changed'
