with source as (
    select * from {{ source('legacy_chat', 'messages') }}
),

renamed as (
    select
        id as message_id,
        booking_id,
        sender_id,
        type as legacy_type,
        content,
        file_url,
        metadata,
        is_read,
        created_at
    from source
)

select * from renamed
