delete from {live}.{table} as live
using {unlike} as unlike
where live.ctid = unlike.live_place and unlike.action = 'added'
