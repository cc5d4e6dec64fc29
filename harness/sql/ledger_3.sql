-- The ledger, version 3: the consolidation's changes to the live schema and its cutover.
alter table {ledger}.schema_changes
drop constraint schema_changes_kind_check;
alter table {ledger}.schema_changes
add constraint schema_changes_kind_check check (
    kind in (
        'constraint',
        'index',
        'target table',
        'schema',
        'function',
        'table',
        'trigger',
        'policy',
        'row level security',
        'publication',
        'grant'
    )
);
comment on table {ledger}.schema_changes is
    'One row per change that a run made to the live schema, and how to undo it.';

create table {ledger}.kept_audit_logs (
    kept_at timestamptz not null default now(),
    entry jsonb not null
);
comment on table {ledger}.kept_audit_logs is
    'One row per entry of chat_audit_logs that a rollback took away with the table.';

create table {ledger}.cutovers (
    cutover_id bigint generated always as identity primary key,
    run_id text not null references {ledger}.runs,
    executed_at timestamptz not null,
    operator text not null,
    live_schema text not null,
    archive_schema text not null,
    detail jsonb not null default '{}',
    undone_at timestamptz,
    undone_by text
);
comment on table {ledger}.cutovers is
    'One row per time that views took the place of the legacy tables.';
