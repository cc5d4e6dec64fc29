with chat_messages as (
    select * from {{ ref('chat_messages') }}
),

media as (
    select * from {{ ref('media') }}
),

find_image_media as (
    select distinct chat_message_id
    from media
    where media_type = 'chat_image'
),

pair_images as (
    select
        chat_messages.id,
        find_image_media.chat_message_id is not null as has_media
    from chat_messages
    left join find_image_media
        on chat_messages.id = find_image_media.chat_message_id
    where chat_messages.has_image
),

final as (
    select
        count(*) as image_messages,
        count(*) filter (where has_media) as with_media,
        count(*) filter (where not has_media) as without_media,
        {{ percent('count(*) filter (where has_media)', 'count(*)') }}
            as coverage_percent
    from pair_images
)

select * from final
