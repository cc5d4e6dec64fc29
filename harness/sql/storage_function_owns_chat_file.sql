-- Whether a file lies in the user's own folder of a session of the user's.
create function {private}.owns_chat_file(file_name text) returns boolean
language plpgsql stable security definer set search_path = '' as $body$
begin
    return split_part(file_name, '/', 2) = {user}::text
        and split_part(file_name, '/', 3) <> ''
        and {private}.reads_chat_file(file_name);
end
$body$
