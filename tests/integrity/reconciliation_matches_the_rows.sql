-- Each figure of the reconciliation is the number of rows that stand where they should:
-- the marts' own rows for chats and messages, the landed rows for bookings, the
-- rejected rows for all three.
with reconciliation as (
    select * from {{ ref('reconciliation') }}
),

chats as (
    select * from {{ ref('chats') }}
),

merged_chats as (
    select * from {{ ref('merged_chats') }}
),

skipped_chats as (
    select * from {{ ref('skipped_chats') }}
),

chat_messages as (
    select * from {{ ref('chat_messages') }}
),

merged_messages as (
    select * from {{ ref('merged_messages') }}
),

skipped_messages as (
    select * from {{ ref('skipped_messages') }}
),

bookings as (
    select * from {{ ref('stg_mysql_dump__bookings') }}
),

rejected_rows as (
    select * from {{ ref('stg_mysql_dump__rejected_rows') }}
),

found as (
    select
        'chat' as table_name,
        (select count(*) from chats) as rows_kept,
        (select count(*) from chats)
        + (select count(*) from merged_chats)
        + (select count(*) from skipped_chats) as rows_with_fate,
        (select count(*) from skipped_chats) as rows_skipped

    union all

    select
        'message' as table_name,
        (select count(*) from chat_messages) as rows_kept,
        (select count(*) from chat_messages)
        + (select count(*) from merged_messages)
        + (select count(*) from skipped_messages) as rows_with_fate,
        (select count(*) from skipped_messages) as rows_skipped

    union all

    select
        'booking' as table_name,
        (
            select count(distinct booking_id)
            from bookings
            where {{ is_uuid('booking_id') }}
        ) as rows_kept,
        (select count(*) from bookings) as rows_with_fate,
        null as rows_skipped
),

compared as (
    select
        reconciliation.*,
        found.rows_kept as found_kept,
        found.rows_with_fate as found_with_fate,
        found.rows_skipped as found_skipped,
        (
            select count(*)
            from rejected_rows
            where rejected_rows.table_name = reconciliation.table_name
        ) as found_rejected
    from reconciliation
    inner join found on reconciliation.table_name = found.table_name
)

select *
from compared
where
    rows_kept <> found_kept
    or rows_kept + rows_merged + rows_skipped <> found_with_fate
    or rows_skipped <> coalesce(found_skipped, rows_skipped)
    or rows_rejected <> found_rejected
    or rows_read <> found_with_fate + found_rejected
