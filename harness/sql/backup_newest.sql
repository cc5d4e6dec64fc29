-- When a backup is taken, after which step and restore of the ledger, and what the runs
-- are whose rows or keys stand in the live tables then.
select
    clock_timestamp(),
    (select coalesce(max(steps.step_id), 0) from {ledger}.steps as steps),
    (select coalesce(max(restores.restore_id), 0) from {ledger}.restores as restores),
    array(
        select owned.run_id
        from {ledger}.published_rows as owned
        where owned.rolled_back_at is null

        union

        select changes.run_id
        from {ledger}.schema_changes as changes
        where changes.rolled_back_at is null
    )
