with source as (
    select * from {{ source('mysql_dump', 'loaded_tables') }}
),

renamed as (
    select
        table_name,
        statements,
        rows_read,
        rows_loaded,
        rows_rejected
    from source
)

select * from renamed
