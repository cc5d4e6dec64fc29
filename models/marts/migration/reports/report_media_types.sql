with media as (
    select * from {{ ref('media') }}
),

final as (
    select
        media_type,
        count(*) as media_count
    from media
    where chat_message_id is not null
    group by media_type
)

select * from final
