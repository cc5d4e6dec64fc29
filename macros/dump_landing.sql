{#-
    A landing that an earlier version made lacks the tables and columns that came later.
    They are made without rows, or with the default, which is what that version would have
    landed in them.
-#}
{% macro ensure_dump_landing() -%}
    {%- set schema = schema_prefix() ~ 'staging' -%}
    {%- if runs_nodes()
        and 'migration' in pipelines_of(selected_resources)
        and adapter.get_relation(target.database, schema, 'loads')
        and not adapter.get_relation(target.database, schema, 'coerced_values') %}
        create table if not exists {{ api.Relation.create(
            database=target.database, schema=schema, identifier='coerced_values'
        ) }} (
            _row bigint generated always as identity,
            table_name text,
            column_name text,
            landing_row bigint,
            line bigint,
            byte_offset bigint,
            first_position bigint,
            nul_count bigint,
            file_name text
        );
    {%- endif -%}
    {%- if runs_nodes() and 'migration' in pipelines_of(selected_resources) %}
        {%- set columns = adapter.get_relation(target.database, schema, 'loaded_columns') %}
        {%- if columns and 'is_time_swapped' not in (
            adapter.get_columns_in_relation(columns) | map(attribute='name') | list
        ) %}
            alter table {{ columns }}
            add column if not exists is_time_swapped boolean not null default false;
        {%- endif %}
    {%- endif -%}
{%- endmacro %}
