with session_rows as (
    select * from {{ ref('int_session_rows_linked') }}
),

final as (
    select
        message_id as id,
        session_id,
        sender_id,
        message_type as type,
        content,
        file_url,
        file_name,
        file_size,
        duration_seconds,
        is_read,
        created_at,
        metadata,
        origin,
        source_id
    from session_rows
    -- The others are counted in merged_legacy_rows and skipped_legacy_rows.
    where fate = 'kept'
)

select * from final
