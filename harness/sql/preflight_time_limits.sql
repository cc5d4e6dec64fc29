-- The limits that would end a long statement or a session that waits: their values,
-- and where they were set. A publish has a lock_timeout of its own.
select
    name,
    current_setting(name) as value,
    source
from pg_settings
where
    name in (
        'statement_timeout',
        'transaction_timeout',
        'idle_in_transaction_session_timeout',
        'idle_session_timeout'
    )
    and setting <> '0'
order by name
