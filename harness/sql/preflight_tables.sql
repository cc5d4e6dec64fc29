-- One row per live table of these names, as preflight's LiveTable takes it. Reads the
-- catalog alone, so that it needs no right on a table and waits for no lock.
with published as (
    select
        pt.schemaname,
        pt.tablename,
        array_agg(pt.pubname::text order by pt.pubname) as names,
        bool_or(pub.pubupdate or pub.pubdelete) as has_changes
    from pg_publication_tables as pt
    inner join pg_publication as pub on pt.pubname = pub.pubname
    group by pt.schemaname, pt.tablename
)

select
    rel.relname::text,
    rel.relkind::text,
    pg_get_userbyid(rel.relowner)::text as owner,
    pg_has_role(rel.relowner, 'USAGE') as is_owned,
    row_security_active(rel.oid) as hides_rows,
    rel.relforcerowsecurity as is_forced,
    -- An update or delete is refused where a publication sends it and no key names
    -- the row.
    not coalesce(published.has_changes, false)
    or rel.relreplident = 'f'
    or pg_get_replica_identity_index(rel.oid) is not null as can_be_updated,
    array(
        select format('%s.%s (%s)', rel.relname, trg.tgname, trg.tgfoid::regproc)
        from pg_trigger as trg
        where
            trg.tgrelid = rel.oid
            and not trg.tgisinternal
            and trg.tgenabled in ('O', 'A')
            -- insert, delete, update (src/include/catalog/pg_trigger.h)
            and trg.tgtype & (4 | 8 | 16) <> 0
        order by trg.tgname
    ) as triggers,
    array(
        select format('%s.%s', rel.relname, rew.rulename)
        from pg_rewrite as rew
        where rew.ev_class = rel.oid and rew.ev_type <> '1' and rew.ev_enabled <> 'D'
        order by rew.rulename
    ) as rules,
    coalesce(published.names, '{}'::text []) as publications
from pg_class as rel
inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
left join published
    on nsp.nspname = published.schemaname and rel.relname = published.tablename
where
    nsp.nspname = {live_name}
    and rel.relname = any({names})
    and rel.relkind in ('r', 'p', 'v', 'm', 'f')
