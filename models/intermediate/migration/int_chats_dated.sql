with chats as (
    select * from {{ ref('stg_mysql_dump__chats') }}
),

messages as (
    select * from {{ ref('stg_mysql_dump__messages') }}
),

time_zones as (
    select * from {{ ref('int_source_time_zones') }}
),

timed as (
    select
        chats.*,
        time_zones.chat_created_at_zone as created_at_zone,
        time_zones.chat_updated_at_zone as updated_at_zone,
        {{ to_column_time(
            'chats.created_wall_clock', 'time_zones.chat_created_at_digits'
        ) }} as created_column_time,
        {{ to_column_time(
            'chats.updated_wall_clock', 'time_zones.chat_updated_at_digits'
        ) }} as updated_column_time
    from chats
    cross join time_zones
),

located as materialized (
    select
        *,
        {{ to_instant('created_column_time', 'created_at_zone') }} as own_created_at,
        {{ to_instant('updated_column_time', 'updated_at_zone') }} as own_updated_at
    from timed
),

-- Only a chat without any date of its own is dated by its messages.
undated as (
    select distinct chat_id
    from located
    where own_created_at is null and own_updated_at is null
),

first_messages as (
    select
        messages.chat_id,
        min(
            {{ to_instant(
                to_column_time(
                    'messages.created_wall_clock', 'time_zones.message_created_at_digits'
                ),
                'time_zones.message_created_at_zone',
            ) }}
        ) as sent_at
    from messages
    inner join undated on messages.chat_id = undated.chat_id
    cross join time_zones
    group by messages.chat_id
),

created as (
    select
        located.*,
        coalesce(
            located.own_created_at,
            located.own_updated_at,
            first_messages.sent_at,
            timestamptz '1970-01-01 00:00:00+00'
        ) as created_at
    from located
    left join first_messages on located.chat_id = first_messages.chat_id
),

final as (
    select
        source_row,
        chat_id,
        booking_id,
        buyer_id,
        stylist_id,
        is_active,
        created_at_text,
        updated_at_text,
        created_at,
        greatest(own_updated_at, created_at) as updated_at,
        {{ time_rule(
            'created_at',
            'created_at_text',
            'created_wall_clock',
            'created_column_time',
            'created_at_zone',
            'own_created_at',
        ) }} as created_at_rule,
        case
            when own_updated_at < created_at then 'updated_at_before_created_at'
            else {{ time_rule(
                'updated_at',
                'updated_at_text',
                'updated_wall_clock',
                'updated_column_time',
                'updated_at_zone',
                'own_updated_at',
            ) }}
        end as updated_at_rule
    from created
)

select * from final
