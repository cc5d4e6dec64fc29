create or replace function {private}.is_admin() returns boolean
language plpgsql stable security definer set search_path = '' as $body$
begin
    return exists (
        select
        from {live}.profiles
        where id = {user} and {has_admin_role}
    );
end
$body$
