-- How many rows a rollback has left as they were: those to delete that are still there,
-- and those to restore that have not their former content in each column.
select
    count(*) filter (where candidate.action = 'delete'),
    count(*) filter (
        where candidate.action = 'restore' and exists (
            select 1
            from jsonb_each_text({as_text}) as now
            inner join jsonb_each_text(candidate.before) as formerly on now.key = formerly.key
            where now.value is distinct from formerly.value
        )
    )
from {candidates} as candidate
inner join {target} as live on candidate.id = live.id
where candidate.action in ('delete', 'restore')
