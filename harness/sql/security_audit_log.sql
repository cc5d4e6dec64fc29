create table {live}.chat_audit_logs (
    log_id bigint generated always as identity primary key,
    logged_at timestamptz not null default clock_timestamp(),
    actor_id uuid,
    actor_role text,
    database_role text not null,
    application_name text,
    table_name text not null,
    row_id uuid,
    action text not null check (action in ('insert', 'update', 'delete', 'truncate')),
    before jsonb,
    after jsonb
);
comment on table {live}.chat_audit_logs is
    'One row per row of chat_sessions or chat_messages written: by whom, before, after.';
comment on column {live}.chat_audit_logs.actor_id is
    'The user of the request; null when the database was used without one.';
comment on column {live}.chat_audit_logs.actor_role is
    'The role in the claims of the request; null without a request.';
comment on column {live}.chat_audit_logs.database_role is
    'The role that the session had set, or else the one that it logged in as.';
comment on column {live}.chat_audit_logs.row_id is
    'The id of the row; null for a truncate, which has the number of rows in before.';
create index chat_audit_logs_table_name_row_id_idx
on {live}.chat_audit_logs (table_name, row_id);
create index chat_audit_logs_actor_id_logged_at_idx
on {live}.chat_audit_logs (actor_id, logged_at);
create index chat_audit_logs_logged_at_idx on {live}.chat_audit_logs (logged_at);
alter table {live}.chat_audit_logs enable row level security;
-- Whatever default privileges there are, for whomever: nobody writes the log.
do $body$
declare
    granted record;
begin
    for granted in
        select distinct
            rel.relkind = 'S' as is_sequence,
            rel.oid::regclass as relation,
            case item.grantee
                when 0 then 'public' else quote_ident(pg_get_userbyid(item.grantee))
            end as grantee
        from pg_class as rel
        cross join aclexplode(rel.relacl) as item
        where
            rel.oid in (
                {log_name}::regclass,
                pg_get_serial_sequence({log_name}, 'log_id')::regclass
            )
            and item.grantee <> rel.relowner
    loop
        execute format(
            'revoke all on %s %s from %s',
            case when granted.is_sequence then 'sequence' else 'table' end,
            granted.relation,
            granted.grantee
        );
    end loop;
end
$body$;
grant select on table {live}.chat_audit_logs to {readers}
