-- When a backup is taken, after which step and restore of the ledger, which runs have
-- rows, keys or policies in the live tables then, and which changes of the schema stand.
-- A run that only made empty tables to be published into has not published.
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
        where changes.rolled_back_at is null and changes.kind <> 'target table'
    ),
    array(
        select changes.change_id
        from {ledger}.schema_changes as changes
        where changes.rolled_back_at is null
        order by changes.change_id
    )
