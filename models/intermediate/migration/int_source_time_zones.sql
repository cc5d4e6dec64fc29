{%- set source_zone = source_timezone() -%}

with loads as (
    select * from {{ ref('stg_mysql_dump__loads') }}
),

loaded_columns as (
    select * from {{ ref('stg_mysql_dump__loaded_columns') }}
),

-- SYSTEM is the zone of a server that the dump does not name.
dump_session as (
    select
        '{{ source_zone }}' as source_zone,
        coalesce(
            max(dump_time_zone) filter (where lower(dump_time_zone) <> 'system'),
            '{{ source_zone }}'
        ) as session_zone
    from loads
),

timed_columns as (
    select
        loaded_columns.table_name || '.' || loaded_columns.column_name as column_path,
        case
            when loaded_columns.mysql_type like 'timestamp%'
                then dump_session.session_zone
            else dump_session.source_zone
        end as time_zone,
        case
            when loaded_columns.mysql_type ~ '^(datetime|timestamp)'
                then
                    coalesce(
                        substring(loaded_columns.mysql_type from '[(]([0-6])[)]')::int,
                        0
                    )
        end as digits
    from loaded_columns
    cross join dump_session
),

final as (
    select
        coalesce(
            max(time_zone) filter (where column_path = 'chat.created_at'),
            '{{ source_zone }}'
        ) as chat_created_at_zone,
        max(digits) filter (where column_path = 'chat.created_at')
            as chat_created_at_digits,
        coalesce(
            max(time_zone) filter (where column_path = 'chat.updated_at'),
            '{{ source_zone }}'
        ) as chat_updated_at_zone,
        max(digits) filter (where column_path = 'chat.updated_at')
            as chat_updated_at_digits,
        coalesce(
            max(time_zone) filter (where column_path = 'message.created_at'),
            '{{ source_zone }}'
        ) as message_created_at_zone,
        max(digits) filter (where column_path = 'message.created_at')
            as message_created_at_digits,
        coalesce(
            max(time_zone) filter (where column_path = 'booking.created_at'),
            '{{ source_zone }}'
        ) as booking_created_at_zone,
        max(digits) filter (where column_path = 'booking.created_at')
            as booking_created_at_digits
    from timed_columns
)

select * from final
