-- The role is the setting: inside of this function the current user is its owner.
create or replace function {private}.log_change() returns trigger
language plpgsql security definer set search_path = '' as $body$
declare
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
    row_before jsonb;
    row_after jsonb;
begin
    if tg_op = 'TRUNCATE' then
        execute format(
            'select jsonb_build_object(''rows'', count(*)) from %I.%I',
            tg_table_schema,
            tg_table_name
        ) into row_before;
    end if;
    if tg_op in ('UPDATE', 'DELETE') then
        row_before := to_jsonb(old);
    end if;
    if tg_op in ('INSERT', 'UPDATE') then
        row_after := to_jsonb(new);
    end if;
    insert into {live}.chat_audit_logs (
        actor_id,
        actor_role,
        database_role,
        application_name,
        table_name,
        row_id,
        action,
        before,
        after
    )
    values (
        {user},
        coalesce(
            nullif(current_setting('request.jwt.claim.role', true), ''),
            claims ->> 'role'
        ),
        coalesce(nullif(current_setting('role', true), 'none'), session_user),
        current_setting('application_name', true),
        tg_table_name,
        coalesce(row_after ->> 'id', row_before ->> 'id')::uuid,
        lower(tg_op),
        row_before,
        row_after
    );
    return null;
end
$body$
