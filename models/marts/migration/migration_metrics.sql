with reconciliation as (
    select * from {{ ref('reconciliation') }}
),

chats as (
    select * from {{ ref('stg_mysql_dump__chats') }}
),

chat_messages as (
    select * from {{ ref('chat_messages') }}
),

table_totals as (
    select
        max(rows_read) filter (where table_name = 'chat') as total_mysql_chats,
        max(rows_read) filter (where table_name = 'message') as total_mysql_messages,
        max(rows_read) filter (where table_name = 'booking') as total_mysql_bookings,
        max(rows_kept) filter (where table_name = 'chat') as processed_chats,
        max(rows_kept) filter (where table_name = 'message') as processed_messages,
        max(rows_merged) filter (where table_name = 'chat') as merged_chats,
        max(rows_merged) filter (where table_name = 'message') as merged_messages,
        max(rows_skipped) filter (where table_name = 'chat') as skipped_chats,
        max(rows_skipped) filter (where table_name = 'message') as skipped_messages,
        sum(rows_rejected)::bigint as rejected_rows
    from reconciliation
),

chat_totals as (
    select count(*) filter (where is_active = '1') as active_chats
    from chats
),

message_totals as (
    select
        count(*) filter (where has_image) as image_messages,
        count(*) filter (where sender_role = 'customer') as customer_messages,
        count(*) filter (where sender_role = 'stylist') as stylist_messages
    from chat_messages
),

final as (
    select
        table_totals.total_mysql_chats,
        table_totals.total_mysql_messages,
        table_totals.total_mysql_bookings,
        table_totals.processed_chats,
        table_totals.processed_messages,
        table_totals.merged_chats,
        table_totals.merged_messages,
        table_totals.skipped_chats,
        table_totals.skipped_messages,
        table_totals.rejected_rows,
        chat_totals.active_chats,
        message_totals.image_messages,
        message_totals.customer_messages,
        message_totals.stylist_messages
    from table_totals
    cross join chat_totals
    cross join message_totals
)

select * from final
