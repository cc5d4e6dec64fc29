with source as (
    select * from {{ source('mysql_dump', 'booking') }}
),

renamed as (
    select
        _row as source_row,
        lower(id) as booking_id,
        lower(buyer_id) as buyer_id,
        lower(stylist_id) as stylist_id,
        status,
        created_at as created_at_text,
        {{ to_wall_clock('created_at') }} as created_wall_clock
    from source
)

select * from renamed
