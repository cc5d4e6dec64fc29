create or replace function {private}.set_updated_at() returns trigger
language plpgsql set search_path = '' as $body$
begin
    new.updated_at := now();
    return new;
end
$body$
