-- The ledger, version 2: backups, rows updated by a later dump, rows left alone.
alter table {ledger}.published_rows
add column action text not null default 'insert' check (action in ('insert', 'update')),
add column source_hash text,
add column before jsonb,
add column superseded_by text references {ledger}.runs;
comment on column {ledger}.published_rows.content_hash is
    'The hash of the live row as it stood after this publish.';
comment on column {ledger}.published_rows.source_hash is
    'The hash of what the mart held of the row; null before version 2.';
comment on column {ledger}.published_rows.before is
    'Of an updated row: each column before the update, as text.';
comment on column {ledger}.published_rows.superseded_by is
    'The later run that updated the row; taking that run back makes this one count.';
drop index {ledger}.published_rows_current;
create unique index published_rows_current
on {ledger}.published_rows (table_name, row_id)
where rolled_back_at is null and superseded_by is null;

create table {ledger}.left_rows (
    run_id text not null references {ledger}.runs,
    table_name text not null,
    row_id uuid not null,
    reason text not null check (
        reason in ('changed live', 'conflict', 'removed', 'gone')
    ),
    content_hash text,
    primary key (run_id, table_name, row_id)
);
comment on table {ledger}.left_rows is
    'One row per row of earlier runs that a run left as it was, and why.';

create table {ledger}.backups (
    backup_id text primary key,
    taken_at timestamptz not null,
    operator text not null,
    code_version text not null,
    target text not null,
    server_version text not null,
    live_schema text not null,
    seconds numeric not null,
    status text not null check (status in ('verified', 'failed', 'dropped')),
    verification jsonb not null default '{}',
    archive text,
    archive_bytes bigint,
    archive_sha256 text
);
comment on table {ledger}.backups is
    'One row per backup of the live tables, and how it was verified.';

create table {ledger}.backup_tables (
    backup_id text not null references {ledger}.backups,
    table_name text not null,
    copy_name text not null,
    rows bigint not null,
    bytes bigint not null,
    content_hash text not null,
    primary key (backup_id, table_name)
);
comment on table {ledger}.backup_tables is
    'One row per table of a backup: its copy, its rows, the hash of their content.';

create table {ledger}.backup_objects (
    backup_id text not null references {ledger}.backups,
    position int not null,
    table_name text not null,
    kind text not null,
    name text not null,
    ddl text not null,
    drop_ddl text not null,
    primary key (backup_id, position)
);
comment on table {ledger}.backup_objects is
    'One row per column, key, index, trigger, policy or grant of a backed up table.';

create table {ledger}.restores (
    restore_id bigint generated always as identity primary key,
    backup_id text not null references {ledger}.backups,
    restored_at timestamptz not null,
    operator text not null,
    seconds numeric not null,
    detail jsonb not null default '{}'
);
comment on table {ledger}.restores is
    'One row per restore of a backup, with what it did.';
