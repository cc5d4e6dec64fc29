-- What is to be brought forward: live rows that stood, and rows of ours that users have
-- changed and the source, too. Theirs wins in every column but this one, which is only
-- ever brought to a newer time.
create temporary table {mart} on commit drop as
select
    id,
    {column}
from {extending}

union all

select
    inserting.id,
    inserting.{column}
from {inserting} as inserting
inner join {decided} as decided on inserting.id = decided.id
where decided.action = 'conflict'
