-- Whether a role can look into the chat tables at all, rows aside.
select
    has_schema_privilege(%(role)s, nsp.oid, 'usage')
    and has_table_privilege(%(role)s, rel.oid, 'select')
from pg_class as rel
inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
where nsp.nspname = {live_name} and rel.relname = 'chat_messages'
