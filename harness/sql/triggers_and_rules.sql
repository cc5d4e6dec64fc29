-- The triggers and rules of a live table: what each is, its name, when it acts, and
-- whether it can decide that a row is not written: a rule that acts instead of this event,
-- or a row trigger before it. Bits of tgtype as in PostgreSQL's pg_trigger.h.
with events (event, bit, rule_type) as (
    values ('insert', 4, '3'), ('delete', 8, '4'), ('update', 16, '2')
),

asked as (
    select
        event,
        bit,
        rule_type
    from events
    where event = %(event)s
)

select
    'rule' as kind,
    rul.rulename::text as name,
    case when rul.is_instead then 'instead of ' else 'also on ' end || events.event
        as acts,
    rul.is_instead and rul.ev_type::text = asked.rule_type as is_deciding
from pg_rewrite as rul
inner join events on rul.ev_type::text = events.rule_type
cross join asked
where rul.ev_class = to_regclass(%(table)s) and rul.ev_enabled <> 'D'

union all

select
    'trigger',
    trg.tgname::text,
    case when trg.tgtype & 2 <> 0 then 'before ' else 'after ' end
    || (
        select string_agg(events.event, ' or ' order by events.event)
        from events
        where trg.tgtype & events.bit <> 0
    ),
    trg.tgtype & 3 = 3 and trg.tgtype & asked.bit <> 0
from pg_trigger as trg
cross join asked
where
    trg.tgrelid = to_regclass(%(table)s)
    and not trg.tgisinternal
    and trg.tgenabled <> 'D'
    and trg.tgtype & 28 <> 0
order by 1, 2
