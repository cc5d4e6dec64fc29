-- The live tables that undoing a run's changes keeps readers away from: those that were
-- changed, and the parents that dropping a foreign key locks as well.
with changes as (
    select
        made.kind,
        made.table_name,
        made.name
    from {ledger}.schema_changes as made
    where made.run_id = %(run_id)s and made.rolled_back_at is null
)

select rel.relname::text as table_name
from pg_class as rel
where
    rel.relnamespace = to_regnamespace(quote_ident({live_name}))
    and rel.relkind in ('r', 'p')
    and rel.relname in (select changes.table_name from changes)

union

select parent.relname::text
from pg_constraint as con
inner join pg_class as rel on con.conrelid = rel.oid
inner join pg_class as parent on con.confrelid = parent.oid
inner join changes
    on
        rel.relname = changes.table_name
        and con.conname = changes.name
        and changes.kind = 'constraint'
where
    rel.relnamespace = to_regnamespace(quote_ident({live_name}))
    and parent.relnamespace = rel.relnamespace
