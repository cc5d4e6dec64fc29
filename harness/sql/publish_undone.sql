-- How many of a mart's rows are not in the live table after the writes that should have
-- brought them: new ones that are not there, and updated ones that are still as before
-- and not as the mart has them.
select
    count(*) filter (where candidate.action = 'insert' and live.id is null),
    count(*) filter (
        where case
            when candidate.action <> 'update' then false
            when live.id is null then true
            else {as_text} = before.content and not ({is_written})
        end
    )
from {candidates} as candidate
inner join {mart} as mart on candidate.id = mart.id
left join {target} as live on candidate.id = live.id
left join {before} as before on candidate.id = before.id
where candidate.action in ('insert', 'update')
