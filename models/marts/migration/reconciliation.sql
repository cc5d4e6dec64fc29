with loaded_tables as (
    select * from {{ ref('stg_mysql_dump__loaded_tables') }}
),

chats_linked as (
    select * from {{ ref('int_chats_linked') }}
),

messages_resolved as (
    select * from {{ ref('int_messages_resolved') }}
),

bookings_resolved as (
    select * from {{ ref('int_bookings_resolved') }}
),

fates as (
    select
        'chat' as table_name,
        fate
    from chats_linked

    union all

    select
        'message' as table_name,
        fate
    from messages_resolved

    union all

    select
        'booking' as table_name,
        fate
    from bookings_resolved
),

counted as (
    select
        table_name,
        count(*) filter (where fate = 'kept') as rows_kept,
        count(*) filter (where fate = 'merged') as rows_merged,
        count(*) filter (where fate = 'skipped') as rows_skipped
    from fates
    group by table_name
),

final as (
    select
        loaded_tables.table_name,
        loaded_tables.rows_read,
        coalesce(counted.rows_kept, 0) as rows_kept,
        coalesce(counted.rows_merged, 0) as rows_merged,
        coalesce(counted.rows_skipped, 0) as rows_skipped,
        loaded_tables.rows_rejected
    from loaded_tables
    left join counted on loaded_tables.table_name = counted.table_name
    -- Other landed tables are not migrated, so none of their rows has a fate.
    where loaded_tables.table_name in ('chat', 'message', 'booking')
)

select * from final
