{%- set values_by_rule = [
    ('chat', 'created_at', 'created_at_rule', 'created_at_text', to_utc_text('created_at')),
    ('chat', 'updated_at', 'updated_at_rule', 'updated_at_text', to_utc_text('updated_at')),
    ('message', 'message', 'content_rule', 'content_text', 'content'),
    ('message', 'is_unread', 'is_unread_rule', 'is_unread', "'1'"),
    ('message', 'is_image', 'is_image_rule', 'is_image', "'0'"),
    ('message', 'created_at', 'created_at_rule', 'created_at_text', to_utc_text('created_at')),
] -%}

with chats_linked as (
    select * from {{ ref('int_chats_linked') }}
),

messages_resolved as (
    select * from {{ ref('int_messages_resolved') }}
),

coerced_values as (
    select * from {{ ref('stg_mysql_dump__coerced_values') }}
),

landed_ids as (
    select
        'chat' as table_name,
        source_row,
        chat_id as row_id
    from {{ ref('stg_mysql_dump__chats') }}
    union all
    select
        'message' as table_name,
        source_row,
        message_id as row_id
    from {{ ref('stg_mysql_dump__messages') }}
    union all
    select
        'booking' as table_name,
        source_row,
        booking_id as row_id
    from {{ ref('stg_mysql_dump__bookings') }}
),

-- A skipped row keeps its values where they are, in the dump.
coerced_chats as (
    select
        *,
        chat_id as row_id
    from chats_linked
    where fate <> 'skipped' and coalesce(created_at_rule, updated_at_rule) is not null
),

coerced_messages as (
    select
        *,
        message_id as row_id
    from messages_resolved
    where
        fate <> 'skipped'
        and coalesce(
            content_rule, is_unread_rule, is_image_rule, created_at_rule
        ) is not null
),

-- The loader's own doing, of every landed row whatever becomes of it.
nuls_replaced as (
    select
        coerced_values.table_name,
        landed_ids.row_id,
        coerced_values.source_row,
        coerced_values.column_name,
        'nul_replaced' as rule,
        coerced_values.nul_count || ' NUL, the first at character '
        || coerced_values.first_position as old_value,
        chr(65533) as new_value
    from coerced_values
    left join landed_ids
        on
            coerced_values.table_name = landed_ids.table_name
            and coerced_values.source_row = landed_ids.source_row
),

final as (
    {% for table_name, column_name, rule, old_value, new_value in values_by_rule %}
        select
            '{{ table_name }}' as table_name,
            row_id,
            source_row,
            '{{ column_name }}' as column_name,
            {{ rule }} as rule,
            {{ old_value }} as old_value,
            {{ new_value }} as new_value
        from coerced_{{ table_name }}s
        where {{ rule }} is not null
        union all
    {% endfor %}
    select * from nuls_replaced
)

select * from final
