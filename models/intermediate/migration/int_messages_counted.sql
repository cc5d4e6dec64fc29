with messages as (
    select * from {{ ref('stg_mysql_dump__messages') }}
),

repeated_messages as (
    select * from {{ ref('int_messages_repeated') }}
),

checked as (
    select
        messages.chat_id,
        messages.is_from,
        repeated_messages.source_row is null as is_first_of_id,
        case
            when not {{ is_uuid('messages.message_id') }} then 'message_id_not_uuid'
            when not repeated_messages.is_identical then 'message_id_taken'
        end as reason_id
    from messages
    left join repeated_messages on messages.source_row = repeated_messages.source_row
),

final as (
    select
        chat_id,
        is_from,
        is_first_of_id,
        reason_id,
        count(*) as message_count
    from checked
    group by chat_id, is_from, is_first_of_id, reason_id
)

select * from final
