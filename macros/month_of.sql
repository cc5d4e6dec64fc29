{#
    The first day of the month, in UTC, in which a timestamp lies.

    Arguments:
        timestamp: a SQL expression of type timestamptz.

    The time zone is named, so that the session's setting cannot move a row to another
    month.
#}
{% macro month_of(timestamp) -%}
    date_trunc('month', {{ timestamp }} at time zone 'UTC')::date
{%- endmacro %}
