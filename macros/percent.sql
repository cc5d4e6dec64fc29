{#
    The share of a part in a whole, in percent, rounded to two decimals.

    Arguments:
        part, whole: SQL expressions that count in the same unit.

    Null when the whole is 0 or null, because nothing has no shares.
#}
{% macro percent(part, whole) -%}
    round(100.0 * {{ part }} / nullif({{ whole }}, 0), 2)
{%- endmacro %}
