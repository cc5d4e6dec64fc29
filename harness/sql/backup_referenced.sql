select count(*)
from {child} as child
inner join {live}.{table} as live on {conditions}
inner join {unlike} as unlike on live.ctid = unlike.live_place
where unlike.action = 'added'
