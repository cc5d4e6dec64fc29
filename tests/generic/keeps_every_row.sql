{#-
    Fails for every source row that has no fate: its id is not in the model, and its row is
    neither among the merged nor among the skipped ones.

    Looks each row up by itself, so that a lost row cannot hide behind a sum.
-#}
{% test keeps_every_row(model, column_name, source, source_id_column, merged, skipped) %}

with kept as (
    select {{ column_name }}::text as kept_id
    from {{ model }}
),

accounted as (
    select source_row
    from {{ merged }}

    union all

    select source_row
    from {{ skipped }}
)

select
    source.source_row,
    source.{{ source_id_column }}
from {{ source }} as source
left join accounted on source.source_row = accounted.source_row
left join kept on source.{{ source_id_column }} = kept.kept_id
where accounted.source_row is null and kept.kept_id is null

{% endtest %}
