-- What was given no booking goes to the linked chat of its two people that is nearest in
-- time; of several to the earlier, then to that of the smaller id.
insert into expected_links
select distinct on (chat.id)
    chat.id,
    linked.booking_id,
    linked.customer_id,
    linked.stylist_id,
    linked.merged_by,
    true
from expected_chat_times as chat
inner join expected_people as people
    on chat.buyer_id = people.buyer_id and chat.stylist_id = people.old_stylist_id
inner join expected_links as linked on people.booking_id = linked.merged_by
inner join expected_chat_times as other on linked.chat_id = other.id
where chat.id not in (select already.chat_id from expected_links as already)
order by
    chat.id,
    abs(pg_temp.as_microseconds(chat.created_at) - pg_temp.as_microseconds(other.created_at)),
    other.created_at,
    other.id;
