-- When the server started, to the microsecond, and the database: what tells one server and
-- database from any other. The macro require_server asks for the same. No placeholders.
select concat_ws(
    '/',
    extract(epoch from pg_postmaster_start_time()),
    (select oid from pg_database where datname = current_database())
)
