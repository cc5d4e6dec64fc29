-- Whether any of these tables has a trigger or a rule of the application that can act.
select
    exists (
        select 1
        from pg_trigger as trg
        where
            trg.tgrelid = any(%(tables)s::regclass [])
            and not trg.tgisinternal
            and trg.tgenabled <> 'D'
    )
    or exists (
        select 1
        from pg_rewrite as rul
        where
            rul.ev_class = any(%(tables)s::regclass [])
            and rul.ev_type <> '1'
            and rul.ev_enabled <> 'D'
    ) as has_any
