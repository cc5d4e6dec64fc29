create or replace function {private}.user_id() returns uuid
language sql stable set search_path = '' as $body$
    select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
$body$
