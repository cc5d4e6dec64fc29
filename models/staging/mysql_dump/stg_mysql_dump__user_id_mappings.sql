with source as (
    select * from {{ source('mysql_dump', 'user_id_mapping') }}
),

renamed as (
    select
        _row as source_row,
        {{ to_id('old_id') }} as old_user_id,
        {{ to_id('new_id') }} as new_user_id
    from source
)

select * from renamed
