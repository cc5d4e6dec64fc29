-- A recipient may not update others' messages, but may say that they were read.
create or replace function {private}.mark_messages_read(session uuid) returns integer
language plpgsql security definer set search_path = '' as $body$
declare
    me constant uuid := {user};
    marked integer;
begin
    update {live}.chat_messages
    set {assignments}
    where
        session_id = session
        and sender_id <> me
        and ({is_unread})
        and exists (
            select
            from {live}.chat_sessions
            where id = session and participants @> array[me]
        );
    get diagnostics marked = row_count;
    return marked;
end
$body$
