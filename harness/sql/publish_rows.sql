insert into {target} ({columns})
select {values}
from {mart} as mart
inner join {candidates} as candidate on mart.id = candidate.id
where candidate.action = 'insert'
