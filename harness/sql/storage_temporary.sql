-- What the plan works on: what the stores list, and what the live rows refer to.
create temporary table storage_listed (
    listed_id bigint generated always as identity,
    position int not null,
    source text not null,
    bucket text not null,
    name text not null,
    full_name text not null,
    size bigint not null,
    etag text not null,
    content_type text,
    owner_id text
) on commit drop;
create temporary table storage_taken (name text not null) on commit drop;
create temporary table storage_looked_at (
    listed_id bigint not null,
    content_type text
) on commit drop;
create temporary table storage_referenced (
    row_id uuid not null,
    rank int not null,
    matched_by text not null,
    bucket text,
    name text
) on commit drop;
create temporary table storage_rows (
    row_id uuid not null,
    session_id uuid,
    sender_id uuid,
    reference text not null,
    place text not null
) on commit drop
