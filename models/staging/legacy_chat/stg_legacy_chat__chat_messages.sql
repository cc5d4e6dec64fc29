with source as (
    select * from {{ source('legacy_chat', 'chat_messages') }}
),

renamed as (
    select
        id as message_id,
        session_id,
        sender_id,
        type as message_type,
        content,
        file_url,
        created_at,
        is_published
    from source
)

select * from renamed
