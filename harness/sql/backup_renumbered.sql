-- Whether a row's identity is another than it was.
select count(*) > 0 as is_any
from {unlike} as unlike
inner join {copy} as kept on unlike.kept_place = kept.ctid
inner join {live}.{table} as live on unlike.live_place = live.ctid
where unlike.action = 'changed' and ({is_renumbered})
