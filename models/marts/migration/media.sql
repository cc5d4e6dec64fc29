with chat_messages as (
    select * from {{ ref('chat_messages') }}
),

image_messages as (
    select
        id,
        sender_id,
        created_at,
        -- Not \v, which is the letter v to PostgreSQL 15.
        btrim(content, E' \t\r\n\f\x0b') as image_name
    from chat_messages
    -- Only an image message has media; the others have nothing to lose here.
    where has_image
),

final as (
    select
        {{ uuid_v3(media_namespace(), 'id::text') }} as id,
        id as chat_message_id,
        'chat_image' as media_type,
        sender_id as owner_id,
        case
            when {{ names_image('image_name') }} then image_name
            else '/chats/images/' || id::text
        end as file_path,
        created_at
    from image_messages
)

select * from final
