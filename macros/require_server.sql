{#-
    Stops a build that would run on another server or database than the harness, which says
    in CARRYOVER_SERVER where it is (harness/sql/server_identity.sql); a plain dbt build is
    where its profile says, and is not asked.
-#}
{% macro require_server() -%}
    {%- set wanted = env_var('CARRYOVER_SERVER', '') if execute else '' -%}
    {%- if wanted -%}
        {%- set found = run_query(server_identity()).columns[0].values()[0] -%}
        {%- if found != wanted -%}
            {{ exceptions.raise_compiler_error(
                'dbt is connected to another server or database than the harness, or the '
                ~ 'server was restarted meanwhile. No table was made. Name one host in '
                ~ 'DATABASE_URL and run the command again.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{% macro server_identity() -%}
    select concat_ws(
        '/',
        extract(epoch from pg_postmaster_start_time()),
        (select oid from pg_database where datname = current_database())
    )
{%- endmacro %}
