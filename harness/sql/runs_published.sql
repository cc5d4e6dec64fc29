-- The runs with published rows, newest first, and whether an earlier rollback left them:
-- rows that were not rolled back, or keys and indexes that were not dropped.
select
    runs.run_id,
    runs.status = 'rolled_back' as was_rolled_back
from {ledger}.runs as runs
inner join {ledger}.steps as steps using (run_id)
where
    steps.step = 'publish'
    and (
        exists (
            select 1
            from {ledger}.published_rows as owned
            where owned.run_id = runs.run_id and owned.rolled_back_at is null
        )
        or exists (
            select 1
            from {ledger}.schema_changes as changes
            where
                changes.run_id = runs.run_id
                and changes.rolled_back_at is null
                and changes.kind <> 'target table'
        )
    )
group by runs.run_id
order by max(steps.step_id) desc
