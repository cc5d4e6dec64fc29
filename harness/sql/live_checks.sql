-- The check constraints of a live table, each as the expression that must hold.
select
    con.conname::text,
    pg_get_expr(con.conbin, con.conrelid)
from pg_constraint as con
where
    con.conrelid = to_regclass(%(table)s)
    and con.contype = 'c'
order by con.conname
