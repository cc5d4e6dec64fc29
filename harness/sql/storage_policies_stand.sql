-- The policies of files ask for sessions, so they concern whoever writes those.
select 'chat_sessions' = any(%(tables)s) and exists (
    select 1
    from {ledger}.storage_changes
    where rolled_back_at is null
)
