with session_rows as (
    select * from {{ ref('int_session_rows_linked') }}
),

final as (
    select
        origin,
        source_id,
        sender_id,
        reason_id,
        reason
    from session_rows
    where fate = 'skipped'
)

select * from final
