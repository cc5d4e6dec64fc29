-- The rows that will be updated, as they stand: each column as text, so that it comes
-- back exactly, whatever its type.
create temporary table {before} on commit drop as
select
    live.id,
    {as_text} as content
from {target} as live
inner join {candidates} as candidate on live.id = candidate.id
where candidate.action = 'update'
