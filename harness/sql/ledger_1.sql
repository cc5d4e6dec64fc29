-- The ledger, version 1.
create table {ledger}.runs (
    run_id text primary key,
    pipeline text not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    status text not null,
    operator text not null,
    code_version text not null,
    target text not null,
    vars jsonb not null default '{}'
);
comment on table {ledger}.runs is
    'One row per run: a load and everything that was done with what it landed.';

create table {ledger}.inputs (
    run_id text not null references {ledger}.runs,
    kind text not null check (kind in ('dump', 'bookings', 'users')),
    name text not null,
    bytes bigint not null,
    sha256 text not null,
    rows bigint not null,
    primary key (run_id, kind, name)
);
comment on table {ledger}.inputs is 'One row per file that a run read.';

create table {ledger}.steps (
    step_id bigint generated always as identity primary key,
    run_id text not null references {ledger}.runs,
    step text not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    seconds numeric not null,
    rows bigint,
    peak_memory_bytes bigint,
    status text not null check (status in ('done', 'failed')),
    detail jsonb not null default '{}'
);
comment on table {ledger}.steps is 'One row per step of a run that ended.';

create table {ledger}.published_rows (
    run_id text not null references {ledger}.runs,
    table_name text not null,
    row_id uuid not null,
    content_hash text not null,
    rolled_back_at timestamptz
);
create index published_rows_of_run on {ledger}.published_rows (run_id, table_name);
create unique index published_rows_current
on {ledger}.published_rows (table_name, row_id) where rolled_back_at is null;
comment on table {ledger}.published_rows is
    'One row per live row and publish of it, with the hash of its content then.';

create table {ledger}.failed_rows (
    run_id text not null references {ledger}.runs,
    table_name text not null,
    row_id uuid not null,
    reason text not null,
    primary key (run_id, table_name, row_id)
);
comment on table {ledger}.failed_rows is
    'One row per mart row that a run could not publish, with the reason.';

create table {ledger}.existing_rows (
    run_id text not null references {ledger}.runs,
    table_name text not null,
    row_id uuid not null,
    primary key (run_id, table_name, row_id)
);
comment on table {ledger}.existing_rows is
    'One row per live row that stood where a run published before it did.';

create table {ledger}.schema_changes (
    change_id bigint generated always as identity primary key,
    run_id text not null references {ledger}.runs,
    kind text not null check (kind in ('constraint', 'index')),
    table_name text not null,
    name text not null,
    ddl text not null,
    undo_ddl text not null,
    rolled_back_at timestamptz
);
comment on table {ledger}.schema_changes is
    'One row per constraint or index that a run added to the live schema.';

create table {ledger}.validations (
    validation_id bigint generated always as identity primary key,
    run_id text not null references {ledger}.runs,
    validated_at timestamptz not null,
    is_valid boolean not null,
    result jsonb not null
);
comment on table {ledger}.validations is
    'One row per validation: chat-validation-results.json as it was then.';
