-- Whether the user takes part in a session.
create or replace function {private}.sees_session(asked_id uuid) returns boolean
language plpgsql stable security definer set search_path = '' as $body$
begin
    return exists (
        select
        from {live}.chat_sessions
        where id = asked_id and participants @> array[{user}]
    );
end
$body$
