with source as (
    select * from {{ source('legacy_chat', 'loads') }}
),

renamed as (
    select
        run_id,
        landed_at,
        legacy_schema,
        live_schema
    from source
)

select * from renamed
