{#- Nothing in all has a rate of 0: there is nothing to review. -#}
{% macro rate(counted, total) -%}
    coalesce(round(({{ counted }})::numeric / nullif({{ total }}, 0), 6), 0)
{%- endmacro %}


{% macro rate_variable(name) -%}
    {%- set value = var(name) | float(-1) -%}
    {%- if not 0 <= value <= 1 -%}
        {{ exceptions.raise_compiler_error(
            "the variable " ~ name ~ " is '" ~ var(name) ~ "'; it must be a rate from 0 to 1"
        ) }}
    {%- endif -%}
    {{ value }}
{%- endmacro %}
