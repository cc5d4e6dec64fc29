-- Pins the settings that a session of ours relies on, whatever a URL, the environment, the
-- role or the database says. profiles.yml holds the same statements for dbt. A setting that
-- this server does not know is left out. The search path is pg_catalog's alone: who needs
-- more sets it afterwards. No placeholders.
set statement_timeout to 0;
set search_path to '';
select set_config(known.name, pinned.value, false)
from pg_settings as known
inner join (
    values
    ('DateStyle', 'ISO, MDY'),
    ('IntervalStyle', 'postgres'),
    ('TimeZone', 'UTC'),
    ('array_nulls', 'on'),
    ('backslash_quote', 'safe_encoding'),
    ('bytea_output', 'hex'),
    ('check_function_bodies', 'on'),
    ('default_table_access_method', 'heap'),
    ('default_transaction_deferrable', 'off'),
    ('default_transaction_isolation', 'read committed'),
    ('escape_string_warning', 'on'),
    ('exit_on_error', 'off'),
    ('extra_float_digits', '1'),
    ('gin_fuzzy_search_limit', '0'),
    ('idle_in_transaction_session_timeout', '0'),
    ('idle_session_timeout', '0'),
    ('lock_timeout', '0'),
    ('quote_all_identifiers', 'off'),
    ('restrict_nonsystem_relation_kind', ''),
    ('row_security', 'off'),
    ('session_replication_role', 'origin'),
    ('standard_conforming_strings', 'on'),
    ('timezone_abbreviations', 'Default'),
    ('transaction_timeout', '0'),
    ('transform_null_equals', 'off'),
    ('xmlbinary', 'base64'),
    ('xmloption', 'content')
) as pinned (name, value) on known.name = pinned.name
where current_setting(known.name) <> pinned.value;
