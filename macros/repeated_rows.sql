{#-
    The grouping finds the few ids that repeat; a window over all rows would sort them
    with their content.
-#}
{% macro repeated_rows(model, id_column, compared_columns) -%}
    with repeated_ids as (
        select
            {{ id_column }},
            min(source_row) as first_source_row
        from {{ model }}
        group by {{ id_column }}
        having count(*) > 1
    ),

    compared as (
        select
            later.source_row,
            first_of_id.source_row as first_source_row,
            (
                {% for column in compared_columns -%}
                later.{{ column }} is not distinct from first_of_id.{{ column }}
                {{ 'and ' if not loop.last }}
                {%- endfor %}
            ) as is_identical
        from repeated_ids
        inner join {{ model }} as first_of_id
            on repeated_ids.first_source_row = first_of_id.source_row
        inner join {{ model }} as later
            on
                repeated_ids.{{ id_column }} = later.{{ id_column }}
                and repeated_ids.first_source_row < later.source_row
    )

    select * from compared
{%- endmacro %}
