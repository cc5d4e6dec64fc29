create temporary table expected_links on commit drop as
with mapping as (
    select distinct on (lower(old_id))
        lower(old_id) as old_id,
        pg_temp.as_uuid(new_id) as new_id
    from pg_temp.landed_mapping()
    order by lower(old_id), _row
),

people as (
    select
        chat.id as chat_id,
        case
            when loads.has_users_file then buyer.new_id
            else pg_temp.as_uuid(chat.buyer_id)
        end as customer_id,
        case
            when loads.has_users_file then stylist.new_id
            else pg_temp.as_uuid(chat.stylist_id)
        end as stylist_id
    from expected_chat_times as chat
    cross join {staging}.loads as loads
    left join mapping as buyer on chat.buyer_id = buyer.old_id
    left join mapping as stylist on chat.stylist_id = stylist.old_id
)

select
    chat_id,
    null::uuid as booking_id,
    customer_id,
    stylist_id,
    format('%s and %s', customer_id, stylist_id) as merged_by,
    false as is_left_over
from people
where customer_id is not null and stylist_id is not null;
