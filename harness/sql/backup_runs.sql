-- A run whose rows are all gone is rolled back; one that found all of them published
-- already is to publish yet; one whose rows stand again is published.
with standing as (
    select owned.run_id
    from {ledger}.published_rows as owned
    where owned.rolled_back_at is null

    union

    select changes.run_id
    from {ledger}.schema_changes as changes
    where changes.rolled_back_at is null and changes.kind <> 'target table'
),

publishing as (
    select owned.run_id
    from {ledger}.published_rows as owned

    union

    select changes.run_id
    from {ledger}.schema_changes as changes
)

update {ledger}.runs as runs
set
    status = case
        when runs.run_id in (select standing.run_id from standing) then 'published'
        when runs.run_id in (select publishing.run_id from publishing)
            then 'rolled_back'
        else 'built'
    end
from pg_temp.restored_publishes as publishes
where
    runs.run_id = publishes.run_id
    and (
        (
            runs.status in ('published', 'validated', 'invalid')
            and not publishes.is_before
            and runs.run_id not in (select standing.run_id from standing)
        )
        or (
            runs.status = 'rolled_back'
            and publishes.is_before
            and runs.run_id in (select standing.run_id from standing)
        )
    )
