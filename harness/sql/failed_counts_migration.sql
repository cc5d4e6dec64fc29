select
    (
        select count(*)
        from {ledger}.failed_rows
        where run_id = {run_id} and table_name in ('chats', 'chat_messages')
    ),
    (
        select sum(rows_read)::bigint
        from {staging}.loaded_tables
        where table_name in ('chat', 'message')
    )
