-- The columns of a live table in their order, as target.Column takes them.
select
    att.attname::text as column_name,
    format_type(att.atttypid, att.atttypmod) as type_name,
    format_type(att.atttypid, null) as base_type,
    case
        when att.atttypid in ('varchar'::regtype, 'bpchar'::regtype) and att.atttypmod > 4
            then att.atttypmod - 4
    end as max_length,
    typ.typtype = 'e' as is_enum,
    att.attnotnull as is_not_null,
    att.attnotnull
    and not att.atthasdef
    and att.attidentity = ''
    and att.attgenerated = '' as is_required,
    att.attidentity = 'a' or att.attgenerated <> '' as is_generated
from pg_attribute as att
inner join pg_type as typ on att.atttypid = typ.oid
where
    att.attrelid = to_regclass(%(table)s)
    and att.attnum > 0
    and not att.attisdropped
order by att.attnum
