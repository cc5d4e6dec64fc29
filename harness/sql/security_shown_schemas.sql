-- Schemas that PostgREST is told to show, wherever it is told.
select distinct trim(both ' "' from listed.name)
from pg_db_role_setting as kept
cross join unnest(kept.setconfig) as setting
cross join
    unnest(string_to_array(split_part(setting, '=', 2), ',')) as listed (name)
where setting like 'pgrst.db\_schemas=%'
