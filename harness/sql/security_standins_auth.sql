-- Supabase's auth as far as policies and references see it; the functions are its own.
create table auth.users (
    id uuid primary key,
    email text,
    raw_app_meta_data jsonb,
    raw_user_meta_data jsonb,
    created_at timestamptz default now()
);
create function auth.uid() returns uuid language sql stable as $body$
    select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
    )::uuid
$body$;
create function auth.role() returns text language sql stable as $body$
    select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
    )::text
$body$;
create function auth.jwt() returns jsonb language sql stable as $body$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$body$;
grant usage on schema auth to anon, authenticated, service_role;
