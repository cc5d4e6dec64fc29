with source as (
    select * from {{ source('legacy_chat', 'profiles') }}
),

renamed as (
    select id as profile_id
    from source
)

select * from renamed
