with session_rows as (
    select * from {{ ref('int_session_rows_linked') }}
    -- A merged row is in the session of the message that it lives on in.
    where fate = 'kept'
),

existing_messages as (
    select * from {{ ref('stg_legacy_chat__chat_messages') }}
    where not is_published
),

newest_existing as (
    select
        session_id,
        max(created_at) as created_at
    from existing_messages
    group by session_id
),

owned as (
    select
        *,
        case when session_kind = 'unlinked' then sender_id end as unlinked_sender_id
    from session_rows
),

grouped as (
    select
        session_id,
        session_kind,
        unlinked_sender_id,
        count(*) as row_count,
        min(created_at) as first_row_at,
        max(created_at) as last_row_at
    from owned
    group by session_id, session_kind, unlinked_sender_id
),

final as (
    select
        grouped.session_id,
        grouped.session_kind,
        grouped.unlinked_sender_id,
        grouped.row_count,
        grouped.first_row_at,
        greatest(grouped.last_row_at, newest_existing.created_at) as last_message_at
    from grouped
    left join newest_existing on grouped.session_id = newest_existing.session_id
)

select * from final
