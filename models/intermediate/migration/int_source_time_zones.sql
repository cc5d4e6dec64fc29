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
        loaded_columns.table_name,
        loaded_columns.column_name,
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
        {% for table_name, column_name in [
            ('chat', 'created_at'), ('chat', 'updated_at'), ('message', 'created_at')
        ] -%}
        coalesce(
            max(time_zone) filter (
                where table_name = '{{ table_name }}' and column_name = '{{ column_name }}'
            ),
            '{{ var("source_timezone") }}'
        ) as {{ table_name }}_{{ column_name }}_zone{{ ',' if not loop.last }}
        {% endfor %}
    from zoned_columns
)

select * from final
