-- One row per transaction of this database that was prepared and never ended, and the
-- live tables that it holds locks on.
select
    prep.gid,
    prep.owner::text,
    prep.prepared,
    array(
        select distinct rel.relname::text
        from pg_locks as lck
        inner join pg_class as rel on lck.relation = rel.oid
        inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
        where
            lck.pid is null
            and lck.locktype = 'relation'
            -- A prepared transaction's locks name one another by their virtual id
            -- only; the one on its own number tells which id that is.
            and lck.virtualtransaction in (
                select own.virtualtransaction
                from pg_locks as own
                where
                    own.pid is null
                    and own.locktype = 'transactionid'
                    and own.transactionid = prep.transaction
            )
            and nsp.nspname = {live_name}
            and rel.relname = any({names})
    ) as table_names
from pg_prepared_xacts as prep
where prep.database = current_database()
order by prep.prepared
