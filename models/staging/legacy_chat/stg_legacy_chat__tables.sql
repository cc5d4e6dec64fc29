with source as (
    select * from {{ source('legacy_chat', 'tables') }}
),

renamed as (
    select
        table_name,
        rows as row_count
    from source
)

select * from renamed
