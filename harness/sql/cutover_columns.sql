-- The columns of a table in their order, as cutover.tables.Column takes them. The
-- search path must be pg_catalog alone, so that types and defaults name their schemas.
select
    att.attname::text as name,
    format_type(att.atttypid, att.atttypmod) as type_name,
    att.attnotnull as is_not_null,
    typ.typtype = 'd' as is_domain,
    case when att.attgenerated = '' then pg_get_expr(def.adbin, def.adrelid) end
        as default_expression,
    att.attidentity::text as identity,
    att.attgenerated <> '' as is_generated,
    (
        select array_agg(label.enumlabel::text order by label.enumsortorder)
        from pg_enum as label
        where label.enumtypid = att.atttypid
    ) as labels
from pg_attribute as att
inner join pg_type as typ on att.atttypid = typ.oid
left join pg_attrdef as def
    on att.attrelid = def.adrelid and att.attnum = def.adnum
where
    att.attrelid = to_regclass(%(table)s)
    and att.attnum > 0
    and not att.attisdropped
order by att.attnum
