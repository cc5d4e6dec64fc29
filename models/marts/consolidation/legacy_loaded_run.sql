with loads as (
    select * from {{ ref('stg_legacy_chat__loads') }}
),

final as (
    select
        run_id,
        landed_at as loaded_at,
        legacy_schema,
        live_schema
    from loads
)

select * from final
