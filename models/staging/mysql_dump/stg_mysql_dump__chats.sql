with source as (
    select * from {{ source('mysql_dump', 'chat') }}
),

renamed as (
    select
        _row as source_row,
        {{ to_id('id', 'chat', 'id') }} as chat_id,
        {{ to_id('booking_id', 'chat', 'booking_id') }} as booking_id,
        {{ to_id('buyer_id', 'chat', 'buyer_id') }} as buyer_id,
        {{ to_id('stylist_id', 'chat', 'stylist_id') }} as stylist_id,
        is_active,
        created_at as created_at_text,
        updated_at as updated_at_text,
        {{ to_wall_clock('created_at') }} as created_wall_clock,
        {{ to_wall_clock('updated_at') }} as updated_wall_clock
    from source
)

select * from renamed
