with source as (
    select * from {{ source('mysql_dump', 'rejected_rows') }}
),

renamed as (
    select
        _row as rejected_row,
        table_name,
        line,
        byte_offset,
        reason,
        excerpt
    from source
)

select * from renamed
