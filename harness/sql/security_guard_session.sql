-- Called when an update has changed what a session is about. Row level security cannot
-- compare a row with what it was before.
create or replace function {private}.guard_session() returns trigger
language plpgsql set search_path = '' as $body$
begin
    if row_security_active(tg_relid) and not {private}.is_admin() then
        raise insufficient_privilege using
            message = 'only an admin may change whom or what a chat session is for',
            detail = 'Its id, its participants and its booking stay as they are.';
    end if;
    return null;
end
$body$
