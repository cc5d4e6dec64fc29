-- What stands under these names in a schema: kind, row level security, whether our role
-- may alter it, and whether an index finds a row by its id.
select
    rel.relname::text as name,
    rel.relkind::text as kind,
    rel.relrowsecurity as has_row_security,
    pg_has_role(rel.relowner, 'usage') as is_ours,
    exists (
        select
        from pg_index as ind
        inner join pg_attribute as att
            on ind.indrelid = att.attrelid and ind.indkey[0] = att.attnum
        where
            ind.indrelid = rel.oid
            and ind.indisvalid
            and ind.indpred is null
            and att.attname = 'id'
            and att.atttypid = 'uuid'::regtype
    ) as has_id_index
from pg_class as rel
where
    rel.relnamespace = to_regnamespace(quote_ident(%(schema)s))
    and rel.relname = any(%(names)s)
    and rel.relkind in ('r', 'p', 'v', 'm', 'f')
