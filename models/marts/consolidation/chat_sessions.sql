with sessions_filled as (
    select * from {{ ref('int_sessions_filled') }}
    -- What existing sessions gain is in extended_sessions.
    where session_kind <> 'existing'
),

bookings as (
    select * from {{ ref('stg_legacy_chat__bookings') }}
),

final as (
    select
        sessions_filled.session_id as id,
        case
            when bookings.booking_id is null
                then array[sessions_filled.unlinked_sender_id]
            else array_remove(
                array[
                    bookings.client_id,
                    nullif(bookings.reader_id, bookings.client_id)
                ],
                null
            )
        end as participants,
        sessions_filled.session_kind as type,
        bookings.booking_id,
        case
            when bookings.booking_id is null or bookings.status = 'completed'
                then 'ended'
            else 'active'
        end as status,
        coalesce(bookings.created_at, sessions_filled.first_row_at) as created_at,
        sessions_filled.last_message_at
    from sessions_filled
    left join bookings
        on
            sessions_filled.session_id = bookings.booking_id
            and sessions_filled.session_kind = 'booking'
)

select * from final
