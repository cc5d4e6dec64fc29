with source as (
    select * from {{ source('legacy_chat', 'voice_notes') }}
),

renamed as (
    select
        id as voice_note_id,
        user_id as sender_id,
        file_url,
        file_name,
        file_size as file_size_bytes,
        duration_seconds,
        transcription,
        context_type,
        context_id,
        metadata,
        created_at
    from source
)

select * from renamed
