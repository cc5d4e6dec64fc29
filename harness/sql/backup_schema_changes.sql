-- Keys and indexes that runs added: those that stand again, and those that are gone.
with standing as (
    select con.conname::text as name
    from pg_constraint as con
    where con.connamespace = to_regnamespace(quote_ident({live_name}))

    union all

    select rel.relname::text
    from pg_class as rel
    where
        rel.relnamespace = to_regnamespace(quote_ident({live_name}))
        and rel.relkind = 'i'
)

update {ledger}.schema_changes as changes
set rolled_back_at = case when stands.is_there then null else now() end
from (
    select
        made.change_id,
        made.name in (select standing.name from standing)
        and publishes.is_before as is_there
    from {ledger}.schema_changes as made
    inner join pg_temp.restored_publishes as publishes
        on made.run_id = publishes.run_id
    where made.rolled_back_at is null or made.rolled_back_at > {taken_at}
) as stands
where
    changes.change_id = stands.change_id
    and (changes.rolled_back_at is null) <> stands.is_there
