with source as (
    select * from {{ source('legacy_chat', 'chat_sessions') }}
),

renamed as (
    select
        id as session_id,
        type as session_type,
        created_at,
        last_message_at,
        is_published
    from source
)

select * from renamed
