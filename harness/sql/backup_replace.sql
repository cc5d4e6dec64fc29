delete from {live}.{table} as live
using {unlike} as unlike
where live.ctid = unlike.live_place and unlike.action = 'changed';

insert into {live}.{table} ({columns})
overriding system value
select {values}
from {copy} as kept
inner join {unlike} as unlike on kept.ctid = unlike.kept_place
where unlike.action = 'changed'
