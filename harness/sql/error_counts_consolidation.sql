-- Legacy rows read; landing rejects none.
select
    coalesce(sum(rows), 0)::bigint,
    0::bigint
from {staging}.legacy_tables
where table_name in ('messages', 'voice_notes')
