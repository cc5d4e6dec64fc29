with source as (
    select * from {{ source('mysql_dump', 'coerced_values') }}
),

renamed as (
    select
        _row as coerced_value,
        table_name,
        landing_row as source_row,
        column_name,
        line,
        byte_offset,
        first_position,
        nul_count
    from source
)

select * from renamed
