with source as (
    select * from {{ source('mysql_dump', 'bookings_created') }}
),

renamed as (
    select
        _row as source_row,
        {{ to_id('id') }} as booking_id,
        success as is_created,
        error as error_message
    from source
)

select * from renamed
