with loads as (
    select * from {{ ref('stg_mysql_dump__loads') }}
),

loaded_columns as (
    select * from {{ ref('stg_mysql_dump__loaded_columns') }}
),

-- SYSTEM is the zone of a server that the dump does not name.
dump_session as (
    select
        '{{ var("source_timezone") }}' as source_zone,
        coalesce(
            max(nullif(dump_time_zone, 'SYSTEM')), '{{ var("source_timezone") }}'
        ) as session_zone
    from loads
),

zoned_columns as (
    select
        loaded_columns.table_name || '.' || loaded_columns.column_name as column_path,
        case
            when loaded_columns.mysql_type like 'timestamp%'
                then dump_session.session_zone
            else dump_session.source_zone
        end as time_zone
    from loaded_columns
    cross join dump_session
),

final as (
    select
        coalesce(
            max(time_zone) filter (where column_path = 'chat.created_at'),
            '{{ var("source_timezone") }}'
        ) as chat_created_at_zone,
        coalesce(
            max(time_zone) filter (where column_path = 'chat.updated_at'),
            '{{ var("source_timezone") }}'
        ) as chat_updated_at_zone,
        coalesce(
            max(time_zone) filter (where column_path = 'message.created_at'),
            '{{ var("source_timezone") }}'
        ) as message_created_at_zone,
        coalesce(
            max(time_zone) filter (where column_path = 'booking.created_at'),
            '{{ var("source_timezone") }}'
        ) as booking_created_at_zone
    from zoned_columns
)

select * from final
