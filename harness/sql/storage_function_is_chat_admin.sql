create function {private}.is_chat_admin() returns boolean
language plpgsql stable security definer set search_path = '' as $body$
begin
    return exists (
        select
        from {live}.profiles
        where id = {user} and role::text in ('admin', 'super_admin')
    );
end
$body$
