with source as (
    select * from {{ source('mysql_dump', 'loads') }}
),

renamed as (
    select
        run_id,
        loaded_at,
        dump_name,
        dump_bytes,
        dump_sha256,
        dump_time_zone,
        has_bookings_file,
        has_users_file
    from source
)

select * from renamed
