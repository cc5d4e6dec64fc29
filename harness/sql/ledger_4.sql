-- The ledger, version 4: files that move between buckets, and what refers to them.
create table {ledger}.storage_plans (
    plan_id bigint generated always as identity primary key,
    run_id text not null references {ledger}.runs,
    pipeline text not null,
    planned_at timestamptz not null default now(),
    sources text [] not null,
    target text not null,
    services jsonb not null,
    made_target boolean not null default false,
    detail jsonb not null default '{}'
);
comment on table {ledger}.storage_plans is
    'One row per plan: from which stores to which, and on what services.';

create table {ledger}.storage_files (
    file_id bigint generated always as identity primary key,
    run_id text not null references {ledger}.runs,
    pipeline text not null,
    source text not null,
    source_name text not null,
    target text not null,
    target_name text not null,
    size bigint not null,
    etag text not null,
    md5 text,
    content_type text,
    owner_id text,
    session_id uuid not null,
    sender_id uuid not null,
    status text not null default 'planned' check (
        status in ('planned', 'copying', 'copied', 'verified', 'failed', 'removed')
    ),
    reason text,
    is_ours boolean not null default false,
    is_taken boolean not null default false,
    target_etag text,
    copied_at timestamptz,
    verified_at timestamptz,
    verified_by text,
    cleaned_at timestamptz
);
comment on table {ledger}.storage_files is
    'One row per file and place that it goes to: the mapping log.';
comment on column {ledger}.storage_files.is_ours is
    'Whether we wrote what stands in the target: only then we may write or remove it.';
comment on column {ledger}.storage_files.md5 is
    'Of the source''s bytes, as soon as they are known.';
comment on column {ledger}.storage_files.is_taken is
    'Whether somebody''s file has its name in the target: the next plan gives another.';
create unique index storage_files_target
on {ledger}.storage_files (target, target_name) where status <> 'removed';
create index storage_files_source on {ledger}.storage_files (source, source_name);

create table {ledger}.storage_references (
    file_id bigint not null references {ledger}.storage_files,
    table_name text not null,
    row_id uuid not null,
    reference text not null,
    matched_by text not null,
    new_reference text not null,
    before jsonb,
    content_hash text,
    switched_at timestamptz,
    restored_at timestamptz
);
comment on table {ledger}.storage_references is
    'One row per live row that refers to a file, and what it said before the switch.';
comment on column {ledger}.storage_references.content_hash is
    'The hash of the live row, all columns, as the switch left it.';
create unique index storage_references_row
on {ledger}.storage_references (table_name, row_id) where restored_at is null;
create index storage_references_file on {ledger}.storage_references (file_id);

create table {ledger}.storage_unmatched (
    run_id text not null references {ledger}.runs,
    pipeline text not null,
    kind text not null,
    source text,
    source_name text,
    table_name text,
    row_id uuid,
    detail text
);
create index storage_unmatched_of_run on {ledger}.storage_unmatched (run_id);
comment on table {ledger}.storage_unmatched is
    'One row per file or message that a plan could not match, or remarked upon.';

create table {ledger}.storage_changes (
    change_id bigint generated always as identity primary key,
    run_id text not null references {ledger}.runs,
    kind text not null check (kind in ('schema', 'function', 'policy', 'bucket')),
    name text not null,
    ddl text not null,
    undo_ddl text not null,
    made_at timestamptz not null default now(),
    rolled_back_at timestamptz
);
comment on table {ledger}.storage_changes is
    'One row per change of who may read and write the files, and how to undo it.';
