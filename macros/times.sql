{#-
    Casts only what the calendar knows: zero dates, 30 February and the hour 24 are null.
    PostgreSQL 15 has no pg_input_is_valid, and make_timestamp raises.
-#}
{% macro to_wall_clock(text_column) -%}
    {%- set day -%} right(left({{ text_column }}, 10), 2) {%- endset -%}
    case
        when
            {{ text_column }} !~ (
                '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
                '( ([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,6})?)?$'
            )
            or left({{ text_column }}, 4) = '0000'
            then null
        -- Every month has 28 days: only what is later needs the month's length.
        when {{ day }} > '28'
            then
                case
                    when
                        {{ day }}::int <= extract(
                            day from (left({{ text_column }}, 7) || '-01')::date
                            + interval '1 month - 1 day'
                        )
                        then ({{ text_column }})::timestamp
                end
        else ({{ text_column }})::timestamp
    end
{%- endmacro %}


{#- An offset is ISO 8601's, positive to the east; as text PostgreSQL would take POSIX's. -#}
{% macro to_instant(wall_clock, zone) -%}
    case
        when {{ zone }} ~ '^[+-]' then {{ wall_clock }} at time zone ({{ zone }})::interval
        else {{ wall_clock }} at time zone {{ zone }}
    end
{%- endmacro %}


{#- Does not depend on the session's zone or date style. -#}
{% macro to_utc_text(instant) -%}
    to_char({{ instant }} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'
{%- endmacro %}
