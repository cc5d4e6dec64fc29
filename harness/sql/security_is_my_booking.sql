-- Whether the user is client or reader of a booking; null when there is no such booking.
create or replace function {private}.is_my_booking(booking uuid) returns boolean
language plpgsql stable security definer set search_path = '' as $body$
declare
    me constant uuid := {user};
begin
    return (
        select coalesce(user_id = me, false) or coalesce(reader_id = me, false)
        from {live}.bookings
        where id = booking
    );
end
$body$
