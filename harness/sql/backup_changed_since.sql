-- The newest publish, rollback or restore that changed the live tables after a backup.
select changed.said
from (
    select
        'the ' || steps.step || ' of run ' || steps.run_id as said,
        steps.finished_at as happened_at
    from {ledger}.steps as steps
    where
        steps.step_id > %(step_id)s
        and steps.step in ('publish', 'rollback')
        and steps.status = 'done'
        and (
            coalesce(steps.rows, 0) > 0
            or coalesce(jsonb_array_length(steps.detail -> 'changes'), 0) > 0
            or coalesce(jsonb_array_length(steps.detail -> 'dropped'), 0) > 0
        )

    union all

    select
        'the restore of backup ' || restores.backup_id,
        restores.restored_at
    from {ledger}.restores as restores
    where restores.restore_id > %(restore_id)s
) as changed
order by changed.happened_at desc
limit 1
