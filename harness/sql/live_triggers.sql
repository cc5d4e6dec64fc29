-- The triggers of the application on a live table that can fire, and the word that
-- enables each again as it is.
select
    trg.tgname::text,
    case trg.tgenabled when 'A' then 'always' when 'R' then 'replica' else '' end
from pg_trigger as trg
where
    trg.tgrelid = to_regclass(%(table)s)
    and not trg.tgisinternal
    and trg.tgenabled <> 'D'
order by trg.tgname
