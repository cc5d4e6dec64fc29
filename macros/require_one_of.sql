{% macro require_one_of(name, received, allowed) -%}
    {%- if received not in allowed -%}
        {{ exceptions.raise_compiler_error(
            name ~ " is '" ~ received ~ "'; it must be one of: " ~ allowed | join(', ')
        ) }}
    {%- endif -%}
{%- endmacro %}
