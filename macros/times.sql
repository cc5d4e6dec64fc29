{#- As MySQL reads it; what is no time to MySQL is null. Dumps write the first form. -#}
{% macro to_wall_clock(text_column) -%}
    {%- set day -%} right(left({{ text_column }}, 10), 2) {%- endset -%}
    case
        when
            {{ text_column }} !~ (
                '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
                '( ([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,6})?)?$'
            )
            then {{ literal_to_wall_clock(text_column) }}
        when left({{ text_column }}, 4) = '0000'
            then null
        -- Every month has 28 days: only what is later needs the month's length.
        -- PostgreSQL 15 has no pg_input_is_valid.
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


{#-
    What nobody's dump writes, but a person may: each form that MySQL and MariaDB both take
    without a warning. One sign of punctuation between the parts, T or blanks before the
    hour, no delimiter at all, two digits for the year. Of a fraction MySQL looks at seven
    digits. Without delimiters, a year that begins with 0 would be another as a number.
-#}
{% macro literal_to_wall_clock(text_column) -%}
    {%- set blank -%} [ \t\n\v\f\r] {%- endset -%}
    {%- set sign -%} [!-/:-@[-`{-~] {%- endset -%}
    {%- set number -%} (0*[0-9]{1,4}) {%- endset -%}
    {%- set two -%} ([0-9]{2}) {%- endset -%}
    (
        select
            case
                when
                    part.year between 1 and 9999
                    and part.month between 1 and 12
                    and part.hour < 24
                    and part.minute < 60
                    and part.second < 60
                    -- Behind a year and a point MySQL reads two digits at a time.
                    and (
                        {{ text_column }} !~ '^{{ blank }}*[0-9]+[.]'
                        or (
                            length(parts[1]) in (2, 4)
                            and greatest(
                                length(parts[2]), length(parts[3]), length(parts[4]),
                                length(parts[5]), length(parts[6])
                            ) <= 2
                        )
                    )
                    then
                        case
                            when
                                part.day between 1 and extract(
                                    day from make_date(part.year, part.month, 1)
                                    + interval '1 month - 1 day'
                                )
                                then
                                    nullif(
                                        make_timestamp(
                                            part.year, part.month, part.day,
                                            part.hour, part.minute, part.second
                                        ) + part.fraction * interval '1 microsecond',
                                        timestamp '10000-01-01'
                                    )
                        end
            end
        from (
            select
                coalesce(
                    regexp_match(
                        {{ text_column }},
                        '^{{ blank }}*{{ number }}{{ sign }}{{ number }}{{ sign }}{{ number }}'
                        '(?:{{ sign }}|(?:T|{{ blank }}+|{{ sign }}){{ number }}'
                        '(?:{{ sign }}|{{ sign }}{{ number }}'
                        '(?:{{ sign }}|{{ sign }}{{ number }}(?:\.([0-9]*))?)?)?)?'
                        '{{ blank }}*$'
                    ),
                    regexp_match(
                        {{ text_column }},
                        '^{{ blank }}*([1-9][0-9]{3}|[0-9]{2}){{ two }}{{ two }}'
                        '(?:T?{{ two }}{{ two }}{{ two }}(?:\.([0-9]*))?)?{{ blank }}*$'
                    ),
                    regexp_match(
                        {{ text_column }},
                        '^{{ blank }}*{{ two }}{{ two }}{{ two }}{{ two }}{{ two }}'
                        '{{ blank }}*$'
                    )
                ) as parts
        ) as literal
        cross join lateral (
            select
                parts[1]::int + case
                    when length(parts[1]) <> 2 then 0
                    when parts[1] < '70' then 2000
                    else 1900
                end as year,
                parts[2]::int as month,
                parts[3]::int as day,
                coalesce(parts[4]::int, 0) as hour,
                coalesce(parts[5]::int, 0) as minute,
                coalesce(parts[6]::int, 0) as second,
                rpad(left(coalesce(parts[7], ''), 6), 6, '0')::int
                + (coalesce(substr(parts[7], 7, 1), '') >= '5')::int as fraction
        ) as part
    )
{%- endmacro %}


{#- What a column of so many digits keeps of a time: MySQL rounds, halves up. -#}
{% macro to_column_time(wall_clock, digits) -%}
    case
        when {{ digits }} < 6
            then
                nullif(
                    date_bin(
                        power(10, -{{ digits }}) * interval '1 second',
                        {{ wall_clock }}
                        + power(10, -{{ digits }}) * interval '500 milliseconds',
                        timestamp '0001-01-01'
                    ),
                    timestamp '10000-01-01'
                )
        else {{ wall_clock }}
    end
{%- endmacro %}


{#-
    As MySQL converts: of a repeated hour the first one, and a time that the clock jumped
    over is the moment of the jump. PostgreSQL takes the second one, and goes past the
    jump. An offset is ISO 8601's, positive to the east; as text PostgreSQL would take
    POSIX's. All sums are made without a zone: a day of the session may have 25 hours.
-#}
{% macro to_instant(wall_clock, zone) -%}
    case
        when left({{ zone }}, 1) in ('+', '-')
            then {{ wall_clock }} at time zone ({{ zone }})::interval
        when {{ zone }} = 'UTC'
            then {{ wall_clock }} at time zone 'UTC'
        else (
            select
                case
                    when later.utc at time zone 'UTC' at time zone clock.zone
                        <> clock.shown
                        then {{ first_after_jump() }}
                    when earlier.utc at time zone 'UTC' at time zone clock.zone
                        = clock.shown
                        then earlier.utc at time zone 'UTC'
                    else later.utc at time zone 'UTC'
                end
            from (
                select
                    {{ wall_clock }} as shown,
                    {{ zone }} as zone
            ) as clock
            cross join lateral (
                select clock.shown at time zone clock.zone at time zone 'UTC' as utc
            ) as later
            -- By the offset of a day before: no zone has changed its clock twice in one.
            cross join lateral (
                select
                    clock.shown - (
                        (later.utc - interval '24 hours')
                        at time zone 'UTC' at time zone clock.zone
                        - (later.utc - interval '24 hours')
                    ) as utc
            ) as earlier
        )
    end
{%- endmacro %}


{#-
    The moment of a jump, to the second, by halving the time between: inside to_instant,
    where later.utc lies less than the jump behind it.
-#}
{% macro first_after_jump() -%}
    (
        with recursive halved as (
            select
                date_trunc(
                    'second',
                    later.utc - (
                        later.utc at time zone 'UTC' at time zone clock.zone
                        - clock.shown
                    )
                ) as before_jump,
                date_trunc('second', later.utc) + interval '1 second' as after_jump

            union all

            select
                case when middle.is_before then middle.utc else halved.before_jump end,
                case when middle.is_before then halved.after_jump else middle.utc end
            from halved
            cross join lateral (
                select
                    tried.utc,
                    tried.utc at time zone 'UTC' at time zone clock.zone - tried.utc
                    = clock.shown - later.utc as is_before
                from (
                    select
                        halved.before_jump + date_trunc(
                            'second', (halved.after_jump - halved.before_jump) / 2
                        ) as utc
                ) as tried
            ) as middle
            where halved.after_jump - halved.before_jump > interval '1 second'
        )

        select min(after_jump) at time zone 'UTC'
        from halved
    )
{%- endmacro %}


{#- Why a time was not taken as it is; the doc block created_at_rule has the rules. -#}
{% macro time_rule(column, text_column, wall_clock, column_time, zone, instant) -%}
    case
        when {{ instant }} is null
            then '{{ column }}_invalid'
        when
            left({{ zone }}, 1) not in ('+', '-')
            and {{ zone }} <> 'UTC'
            and {{ instant }} at time zone {{ zone }} <> {{ column_time }}
            then '{{ column }}_nonexistent'
        when
            left({{ zone }}, 1) not in ('+', '-')
            and {{ zone }} <> 'UTC'
            and {{ column_time }} at time zone {{ zone }} <> {{ instant }}
            then '{{ column }}_ambiguous'
        when
            {{ wall_clock }} <> {{ column_time }}
            or (
                {{ text_column }} like '%._______%'
                and {{ text_column }} ~ '[.][0-9]{6}[0-9]*[1-9]'
            )
            then '{{ column }}_rounded'
    end
{%- endmacro %}


{#-
    The variable source_timezone, in a spelling that PostgreSQL reads as MySQL does: it
    would take +02 for two seconds, UTC+2 for two hours to the west, and CET and its like
    for an offset without summer time.
-#}
{% macro source_timezone() -%}
    {%- set given = var('source_timezone') | string -%}
    {%- set text = "'" ~ given | replace("'", "''") ~ "'" -%}
    {%- set known -%}
        select {{ text }} as zone
        where {{ text }} ~ '^[+-](0?[0-9]|1[0-4]):[0-5][0-9]$'
        union all
        select name
        from pg_timezone_names
        where
            lower(name) = lower({{ text }})
            and lower(name) not in ('cet', 'eet', 'met', 'wet')
    {%- endset -%}
    {%- set zones = run_query(known).columns[0].values() if execute else [given] -%}
    {%- if not zones -%}
        {{- exceptions.raise_compiler_error(
            "the variable source_timezone is '" ~ given ~ "', which is no time zone that"
            ~ " PostgreSQL reads as MySQL does. Write an offset such as '+02:00', positive"
            ~ " to the east, or a city's zone such as Europe/Berlin (all are in"
            ~ " pg_timezone_names) in dbt_project.yml."
        ) -}}
    {%- endif -%}
    {{- zones[0] -}}
{%- endmacro %}


{#- Does not depend on the session's zone or date style. -#}
{% macro to_utc_text(instant) -%}
    to_char({{ instant }} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'
{%- endmacro %}
