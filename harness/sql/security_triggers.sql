-- The triggers of tables of the live schema that are no constraint's: what they call,
-- when, and the text of what they call.
select
    tab.relname,
    tri.tgname,
    nsp.nspname || '.' || pro.proname as calls,
    tri.tgtype::int as type_bits,
    tri.tgenabled in ('O', 'A') as is_enabled,
    pro.prosrc,
    pg_get_triggerdef(tri.oid) as definition
from pg_trigger as tri
inner join pg_class as tab on tri.tgrelid = tab.oid
inner join pg_proc as pro on tri.tgfoid = pro.oid
inner join pg_namespace as nsp on pro.pronamespace = nsp.oid
where
    tab.relnamespace = to_regnamespace(quote_ident({live_name}))
    and tab.relname = any({tables})
    and not tri.tgisinternal
order by tab.relname, tri.tgname
