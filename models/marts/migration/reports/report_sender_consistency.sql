with chat_messages as (
    select * from {{ ref('chat_messages') }}
),

count_by_role as (
    select
        count(*) filter (where sender_role = 'customer') as customer_messages,
        count(*) filter (where sender_role = 'stylist') as stylist_messages
    from chat_messages
),

final as (
    select
        customer_messages,
        stylist_messages,
        case
            when customer_messages + stylist_messages = 0 then 'no messages'
            when least(customer_messages, stylist_messages) > 0 then 'passed'
            else 'warning'
        end as status
    from count_by_role
)

select * from final
