with bookings_created as (
    select * from {{ ref('stg_mysql_dump__bookings_created') }}
),

bookings as (
    select * from {{ ref('int_bookings_resolved') }}
),

user_id_mappings as (
    select * from {{ ref('stg_mysql_dump__user_id_mappings') }}
),

loads as (
    select * from {{ ref('stg_mysql_dump__loads') }}
),

-- A failed result is not migrated, and a key that is no UUID cannot have been.
migrated as (
    select distinct booking_id
    from bookings_created
    where is_created and {{ is_uuid('booking_id') }}
),

new_user_ids as (
    select distinct on (old_user_id)
        old_user_id,
        new_user_id
    from user_id_mappings
    order by old_user_id, source_row
),

-- Without the file ids stay; with it, an id that it does not list has no new one.
mapping_mode as (
    select coalesce(bool_or(has_users_file), false) as has_mapping
    from loads
),

final as (
    select
        migrated.booking_id,
        bookings.booking_id is not null as is_in_dump,
        bookings.status,
        case
            when mapping_mode.has_mapping then {{ to_uuid('customers.new_user_id') }}
            else {{ to_uuid('bookings.buyer_id') }}
        end as customer_id,
        case
            when mapping_mode.has_mapping then {{ to_uuid('stylists.new_user_id') }}
            else {{ to_uuid('bookings.stylist_id') }}
        end as stylist_id
    from migrated
    cross join mapping_mode
    left join bookings
        on migrated.booking_id = bookings.booking_id and bookings.fate = 'kept'
    left join new_user_ids as customers on bookings.buyer_id = customers.old_user_id
    left join new_user_ids as stylists on bookings.stylist_id = stylists.old_user_id
)

select * from final
