with

bookings_migrated as (

    select * from {{ ref('int_bookings_migrated') }}

),

bookings as (

    select * from {{ ref('stg_mysql_dump__bookings') }}

),

chat_activity as (

    select * from {{ ref('report_chat_activity') }}

),

-- As in the models: the first booking of an id counts.
take_first_bookings as (

    select distinct on (booking_id)
        booking_id,
        booking_status
    from bookings
    order by booking_id, source_row

),

sum_activity as (

    select
        booking_id,
        count(*) as chat_count,
        sum(message_count)::bigint as message_count
    from chat_activity
    group by booking_id

),

final as (

    select
        bookings_migrated.booking_id::uuid as booking_id,
        coalesce(take_first_bookings.booking_status, 'unknown') as booking_status,
        coalesce(sum_activity.chat_count, 0) as chat_count,
        coalesce(sum_activity.message_count, 0) as message_count
    from bookings_migrated
    left join take_first_bookings
        on bookings_migrated.booking_id = take_first_bookings.booking_id
    left join sum_activity
        on bookings_migrated.booking_id = sum_activity.booking_id

)

select * from final
