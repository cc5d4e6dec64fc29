with source as (
    select * from {{ source('mysql_dump', 'booking') }}
),

renamed as (
    select
        _row as source_row,
        {{ to_id('id', 'booking', 'id') }} as booking_id,
        {{ to_id('buyer_id', 'booking', 'buyer_id') }} as buyer_id,
        {{ to_id('stylist_id', 'booking', 'stylist_id') }} as stylist_id,
        status,
        created_at as created_at_text,
        {{ to_wall_clock('created_at') }} as created_wall_clock
    from source
)

select * from renamed
