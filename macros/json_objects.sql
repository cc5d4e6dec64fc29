{#- Two values can be put together only as objects: what is none stands in one. -#}
{% macro as_json_object(json_column) -%}
    case
        when jsonb_typeof({{ json_column }}) = 'object' then {{ json_column }}
        else jsonb_build_object('metadata', {{ json_column }})
    end
{%- endmacro %}
