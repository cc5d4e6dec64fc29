-- Whether the user takes part in the session that a file's first folder names.
create function {private}.reads_chat_file(file_name text) returns boolean
language plpgsql stable security definer set search_path = '' as $body$
declare
    folder constant text := split_part(file_name, '/', 1);
begin
    if folder !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return false;
    end if;
    return exists (
        select
        from {live}.chat_sessions
        where id = folder::uuid and participants @> array[{user}]
    );
end
$body$
