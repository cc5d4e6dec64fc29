insert into {live}.{table} ({columns})
overriding system value
select {values}
from {copy} as kept
inner join {unlike} as unlike on kept.ctid = unlike.kept_place
where unlike.action = 'missing'
order by kept.ctid
