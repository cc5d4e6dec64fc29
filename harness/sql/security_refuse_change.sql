create or replace function {private}.refuse_change() returns trigger
language plpgsql set search_path = '' as $body$
begin
    raise insufficient_privilege using
        message = format('%s of %I is refused', lower(tg_op), tg_table_name),
        detail = 'Only the triggers of the chat tables write it, and nobody changes it.';
end
$body$
