-- The landed tables hold the rows that the loader counted, and its counts agree with
-- each other and with the rows that it rejected.
with loaded_tables as (
    select * from {{ ref('stg_mysql_dump__loaded_tables') }}
),

rejected_rows as (
    select * from {{ ref('stg_mysql_dump__rejected_rows') }}
),

chats as (
    select * from {{ ref('stg_mysql_dump__chats') }}
),

messages as (
    select * from {{ ref('stg_mysql_dump__messages') }}
),

bookings as (
    select * from {{ ref('stg_mysql_dump__bookings') }}
),

compared as (
    select
        loaded_tables.*,
        case loaded_tables.table_name
            when 'chat' then (select count(*) from chats)
            when 'message' then (select count(*) from messages)
            when 'booking' then (select count(*) from bookings)
            -- Tables that no model reads have only the loader's word.
            else loaded_tables.rows_loaded
        end as found_loaded,
        (
            select count(*)
            from rejected_rows
            where rejected_rows.table_name = loaded_tables.table_name
        ) as found_rejected
    from loaded_tables
)

select *
from compared
where
    rows_loaded <> found_loaded
    or rows_rejected <> found_rejected
    or rows_read <> rows_loaded + rows_rejected
