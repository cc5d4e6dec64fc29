with chats as (
    select * from {{ ref('chats') }}
),

final as (
    select
        {{ month_of('created_at') }} as month_starts_on,
        count(*) as chat_count,
        count(distinct booking_id) as booking_count
    from chats
    group by 1
)

select * from final
