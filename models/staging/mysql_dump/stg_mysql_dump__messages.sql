with source as (
    select * from {{ source('mysql_dump', 'message') }}
),

renamed as (
    select
        _row as source_row,
        {{ to_id('id', 'message', 'id') }} as message_id,
        {{ to_id('chat_id', 'message', 'chat_id') }} as chat_id,
        message as content,
        is_from,
        is_unread,
        is_image,
        created_at as created_at_text,
        {{ to_wall_clock('created_at') }} as created_wall_clock
    from source
)

select * from renamed
