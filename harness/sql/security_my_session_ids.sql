-- Sessions that the user takes part in: all of them for most users, and some, taken by
-- chance, for a user who has very many. So it is quick for everybody; who asks must look
-- further for what is not among them. The user is no variable here, because with one the
-- query would be planned anew for each call.
create or replace function {private}.my_session_ids() returns uuid[]
language plpgsql stable security definer set search_path = ''
set gin_fuzzy_search_limit = 64 set enable_seqscan = off as $body$
begin
    return array(
        select id
        from {live}.chat_sessions
        where participants @> array[{user}]
        limit 64
    );
end
$body$
