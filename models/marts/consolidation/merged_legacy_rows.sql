with session_rows as (
    select * from {{ ref('int_session_rows_linked') }}
),

final as (
    select
        origin,
        source_id,
        kept_message_id
    from session_rows
    where fate = 'merged'
)

select * from final
