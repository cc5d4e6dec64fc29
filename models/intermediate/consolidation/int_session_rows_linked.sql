with legacy_rows as (
    select * from {{ ref('int_legacy_rows_filled') }}
),

existing_sessions as (
    select * from {{ ref('stg_legacy_chat__chat_sessions') }}
    where not is_published
),

bookings as (
    select * from {{ ref('stg_legacy_chat__bookings') }}
),

linked as (
    select
        legacy_rows.*,
        bookings.created_at as booked_at,
        bookings.booking_id is not null as has_booking,
        case
            when
                existing_sessions.session_id is not null
                or bookings.booking_id is not null
                then legacy_rows.link_id
            else {{ uuid_v3(
                unlinked_session_namespace(), 'legacy_rows.sender_id::text'
            ) }}
        end as session_id
    from legacy_rows
    left join existing_sessions on legacy_rows.link_id = existing_sessions.session_id
    left join bookings on legacy_rows.link_id = bookings.booking_id
),

-- By its id once more: an unlinked session may be an existing one, too.
placed as (
    select
        linked.*,
        existing_sessions.created_at as session_created_at,
        case
            when existing_sessions.session_id is not null then 'existing'
            when linked.has_booking then 'booking'
            else 'unlinked'
        end as session_kind
    from linked
    left join existing_sessions on linked.session_id = existing_sessions.session_id
),

first_unlinked as (
    select
        session_id,
        min(created_at) as first_row_at
    from placed
    where fate = 'kept' and session_kind = 'unlinked'
    group by session_id
),

final as (
    select
        placed.origin,
        placed.source_id,
        placed.message_id,
        placed.kept_message_id,
        placed.sender_id,
        placed.link_id,
        placed.legacy_type,
        placed.message_type,
        placed.legacy_content,
        placed.content,
        placed.file_url,
        placed.file_name,
        placed.file_size,
        placed.duration_seconds,
        placed.metadata,
        placed.is_read,
        placed.session_id,
        placed.session_kind,
        placed.content_rule,
        placed.type_rule,
        placed.is_read_rule,
        placed.created_at_rule,
        placed.reason_id,
        placed.reason,
        placed.fate,
        coalesce(
            placed.created_at,
            placed.booked_at,
            placed.session_created_at,
            first_unlinked.first_row_at,
            timestamptz '1970-01-01 00:00:00+00'
        ) as created_at
    from placed
    left join first_unlinked on placed.session_id = first_unlinked.session_id
)

select * from final
