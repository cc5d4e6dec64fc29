with source as (
    select * from {{ source('legacy_chat', 'bookings') }}
),

renamed as (
    select
        id as booking_id,
        user_id as client_id,
        reader_id,
        status,
        created_at
    from source
)

select * from renamed
