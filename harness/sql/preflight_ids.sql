-- One row per live table: the type of its id (null when it has none) and whether a key
-- that a foreign key may refer to stands on the id alone.
select
    rel.relname::text as table_name,
    format_type(att.atttypid, att.atttypmod) as id_type,
    exists (
        select 1
        from pg_index as ind
        where
            ind.indrelid = rel.oid
            and ind.indisunique
            and ind.indisvalid
            and ind.indimmediate
            and ind.indpred is null
            and ind.indnkeyatts = 1
            and ind.indkey[0] = att.attnum
    ) as is_key
from pg_class as rel
inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
left join pg_attribute as att
    on rel.oid = att.attrelid and att.attname = 'id' and not att.attisdropped
where nsp.nspname = {live_name} and rel.relname = any({names})
