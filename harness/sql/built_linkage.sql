-- Marts of an earlier version do not say it: they knew one linkage.
select
    coalesce(to_jsonb(loaded_run) ->> 'linkage', 'strict'),
    coalesce((to_jsonb(loaded_run) ->> 'linkage_merge')::boolean, false)
from {marts}.loaded_run
