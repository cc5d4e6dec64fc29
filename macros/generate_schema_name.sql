{#- Our schemas have exact names; dbt would put the target's schema before them. -#}
{% macro generate_schema_name(custom_schema_name=none, node=none) -%}
    {{ schema_prefix() }}{{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}


{% macro schema_prefix() -%}
    {{ var('schema_prefix') or env_var('CARRYOVER_SCHEMA_PREFIX', '') }}
{%- endmacro %}
