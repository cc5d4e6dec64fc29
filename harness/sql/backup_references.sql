-- The keys of other tables that refer to a live table: the referring table, and how one of
-- its rows is matched with the row that it refers to.
select
    con.conrelid::regclass::text as child,
    string_agg(
        'child.' || quote_ident(referring.attname) || ' = live.'
        || quote_ident(referred.attname),
        ' and ' order by pairs.position
    ) as conditions
from pg_constraint as con
cross join lateral unnest(con.conkey, con.confkey) with ordinality as pairs (
    child_attnum, parent_attnum, position
)
inner join pg_attribute as referring
    on con.conrelid = referring.attrelid and pairs.child_attnum = referring.attnum
inner join pg_attribute as referred
    on con.confrelid = referred.attrelid and pairs.parent_attnum = referred.attnum
where
    con.contype = 'f'
    and con.confrelid = to_regclass(%(table)s)
    and con.conparentid = 0
    and con.conrelid not in (
        select to_regclass(ours.name)
        from unnest(%(ours)s::text []) as ours (name)
        where to_regclass(ours.name) is not null
    )
group by con.oid, con.conrelid
order by con.conrelid::regclass::text, con.oid
