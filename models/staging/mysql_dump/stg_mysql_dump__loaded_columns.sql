with source as (
    select * from {{ source('mysql_dump', 'loaded_columns') }}
),

renamed as (
    select
        table_name,
        column_name,
        ordinal,
        mysql_type
    from source
)

select * from renamed
