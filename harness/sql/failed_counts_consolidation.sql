select
    (
        select count(*)
        from {ledger}.failed_rows
        where run_id = {run_id} and table_name = 'chat_messages'
    ),
    (
        select sum(rows)::bigint
        from {staging}.legacy_tables
        where table_name in ('messages', 'voice_notes')
    )
