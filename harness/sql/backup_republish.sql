-- What was published before the backup stands as it stood then, taken back or updated
-- later or not. First the publishes that a later one superseded, then the last ones.
with standing as (
    select
        owned.ctid as place,
        owned.rolled_back_at is not null as is_again,
        lead(owned.run_id) over (
            partition by owned.table_name, owned.row_id order by publishes.step_id
        ) as superseded_by
    from {ledger}.published_rows as owned
    inner join pg_temp.restored_publishes as publishes
        on owned.run_id = publishes.run_id and publishes.is_before
    where
        (owned.rolled_back_at is null or owned.rolled_back_at > {taken_at})
        and owned.table_name = any({ledger_names})
)

update {ledger}.published_rows as owned
set
    rolled_back_at = null,
    superseded_by = standing.superseded_by
from standing
where
    owned.ctid = standing.place
    and standing.superseded_by is {superseded}
    and (
        standing.is_again
        or owned.superseded_by is distinct from standing.superseded_by
    )
