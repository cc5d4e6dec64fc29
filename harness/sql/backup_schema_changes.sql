-- What runs changed about the tables: what stands again, and what is gone. The tables are
-- as they were at the backup, so that is what stood then; of keys and indexes, those that
-- are there. Of what lies outside the tables, what was taken back or made again.
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
        made.change_id = any({left_standing})
        or (
            made.change_id = any({standing_changes})
            and (
                made.kind not in ('constraint', 'index')
                or made.name in (select standing.name from standing)
            )
        ) as is_there
    from {ledger}.schema_changes as made
    inner join {ledger}.runs as runs on made.run_id = runs.run_id
    where
        (made.rolled_back_at is null or made.rolled_back_at > {taken_at})
        and (made.table_name = any({table_names}) or runs.pipeline = {pipeline})
) as stands
where
    changes.change_id = stands.change_id
    and (changes.rolled_back_at is null) <> stands.is_there
