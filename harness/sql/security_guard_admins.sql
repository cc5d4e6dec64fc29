-- Called for a profile with an admin's role. Admins see every chat, so a user must not
-- become one by writing profiles, whatever else may be written there. Called before the
-- row is there, so that nobody is an admin by that very row.
create or replace function {private}.guard_admins() returns trigger
language plpgsql set search_path = '' as $body$
begin
    if tg_op = 'UPDATE' then
        if (new.id, new.role) is not distinct from (old.id, old.role) then
            return new;
        end if;
    end if;
    if {is_user} and not {private}.is_admin() then
        raise insufficient_privilege using
            message = 'only an admin may make somebody an admin';
    end if;
    return new;
end
$body$
