create temporary table expected_links on commit drop as
select
    chat.id as chat_id,
    people.booking_id::uuid as booking_id,
    people.customer_id,
    people.stylist_id,
    people.booking_id as merged_by,
    false as is_left_over
from expected_chat_times as chat
inner join expected_people as people on chat.booking_id = people.booking_id;
