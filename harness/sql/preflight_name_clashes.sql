-- The names of keys and indexes to come that something else bears already. A
-- constraint's name is its table's own; an index shares its schema's names with tables.
with coming as (
    select *
    from unnest({tables}::text [], {names}::text [], {make_indexes}::boolean [])
        as each (table_name, name, makes_index)
)

select coming.name
from coming
inner join pg_namespace as nsp on nsp.nspname = {live_name}
where
    exists (
        select 1
        from pg_class as rel
        inner join pg_constraint as con on rel.oid = con.conrelid
        where
            rel.relnamespace = nsp.oid
            and rel.relname = coming.table_name
            and con.conname = coming.name
    )
    or (
        coming.makes_index
        and exists (
            select 1
            from pg_class as rel
            where rel.relnamespace = nsp.oid and rel.relname = coming.name
        )
    )
order by coming.name
