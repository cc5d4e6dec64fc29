{#- The strategy that the variables linkage and linkage_merge choose. -#}
{% macro linkage_strategy() -%}
    {%- set linkage = var('linkage') -%}
    {%- set merge = var('linkage_merge') | string | lower -%}
    {%- do require_one_of(
        'the variable linkage', linkage, ['strict', 'infer', 'participants']
    ) -%}
    {%- do require_one_of('the variable linkage_merge', merge, ['true', 'false']) -%}
    {%- if merge == 'true' -%}
        {%- do require_one_of(
            'the linkage to which linkage_merge is set', linkage, ['infer']
        ) -%}
    {%- endif -%}
    {{ return('infer and merge' if merge == 'true' else linkage) }}
{%- endmacro %}


{#- Whole numbers, so that sums and comparisons of distances are exact. -#}
{% macro to_microseconds(instant) -%}
    (extract(epoch from {{ instant }}) * 1000000)::numeric(24, 0)
{%- endmacro %}
