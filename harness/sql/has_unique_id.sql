-- Whether a unique index keeps each id of a live table from being there twice.
select exists (
    select 1
    from pg_index as ind
    inner join pg_attribute as att
        on ind.indrelid = att.attrelid and ind.indkey[0] = att.attnum
    where
        ind.indrelid = to_regclass(%(table)s)
        and ind.indisunique
        and ind.indisvalid
        and ind.indnkeyatts = 1
        and ind.indpred is null
        and att.attname = 'id'
) as is_unique
