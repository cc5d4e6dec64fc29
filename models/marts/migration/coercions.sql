with chats_linked as (
    select * from {{ ref('int_chats_linked') }}
),

messages_resolved as (
    select * from {{ ref('int_messages_resolved') }}
),

-- A skipped row keeps its values as they are: in the dump.
carried_chats as (
    select * from chats_linked
    where fate <> 'skipped' and (created_at_rule is not null or updated_at_rule is not null)
),

carried_messages as (
    select * from messages_resolved
    where
        fate <> 'skipped'
        and (
            content_text is null
            or is_unread is null
            or is_unread not in ('0', '1')
            or is_image is null
            or is_image not in ('0', '1')
            or created_at_rule is not null
        )
),

judged as (
    select
        'chat' as table_name,
        carried_chats.chat_id as row_id,
        carried_chats.source_row,
        dates.column_name,
        dates.rule,
        dates.old_value,
        {{ to_utc_text('dates.new_value') }} as new_value
    from carried_chats
    cross join lateral (
        values
        ('created_at', created_at_rule, created_at_text, created_at),
        ('updated_at', updated_at_rule, updated_at_text, updated_at)
    ) as dates (column_name, rule, old_value, new_value)

    union all

    select
        'message' as table_name,
        carried_messages.message_id as row_id,
        carried_messages.source_row,
        fields.column_name,
        fields.rule,
        fields.old_value,
        fields.new_value
    from carried_messages
    cross join lateral (
        values
        (
            'message',
            case when content_text is null then 'content_null_to_empty' end,
            content_text,
            content
        ),
        (
            'is_unread',
            case
                when is_unread is null or is_unread not in ('0', '1')
                    then 'is_unread_not_boolean'
            end,
            is_unread,
            '1'
        ),
        (
            'is_image',
            case
                when is_image is null or is_image not in ('0', '1')
                    then 'is_image_not_boolean'
            end,
            is_image,
            '0'
        ),
        (
            'created_at',
            created_at_rule,
            created_at_text,
            {{ to_utc_text('created_at') }}
        )
    ) as fields (column_name, rule, old_value, new_value)
),

final as (
    select
        table_name,
        row_id,
        source_row,
        column_name,
        rule,
        old_value,
        new_value
    from judged
    where rule is not null
)

select * from final
