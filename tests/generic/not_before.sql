{#-
    Fails for every row whose time lies before another time of the same row.

    Rows where either time is null pass: whether a time may be missing is not_null's
    question.
-#}
{% test not_before(model, column_name, earlier_column) %}

select *
from {{ model }}
where {{ column_name }} < {{ earlier_column }}

{% endtest %}
