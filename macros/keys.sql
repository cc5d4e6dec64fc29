{#-
    Made after the rows are in, which takes half the time of a constraint in the contract.
    The key has no name of its own: the table's backup still holds the last one.
-#}
{% macro add_primary_key(columns) -%}
    alter table {{ this }} add primary key ({{ columns | join(', ') }})
{%- endmacro %}


{% macro add_unique(columns) -%}
    alter table {{ this }} add unique ({{ columns | join(', ') }})
{%- endmacro %}
