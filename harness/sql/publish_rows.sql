insert into {live}.{table} ({columns})
select {values}
from {marts}.{table} as mart
inner join {candidates} as candidate on mart.id = candidate.id
where candidate.action = 'insert'
