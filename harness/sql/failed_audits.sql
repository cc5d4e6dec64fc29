-- A warning does not stop a publish; an audit that has not run since the load does.
select
    name,
    status
from {marts}.audit_results
where status not in ('pass', 'warn', 'success')
order by node_id
