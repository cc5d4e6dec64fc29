{#- What is asked for, without the server, the query and the fragment. -#}
{% macro url_path(url_column) -%}
    regexp_replace(
        regexp_replace({{ url_column }}, '[?#].*$', ''),
        '^[A-Za-z][A-Za-z0-9+.-]*://[^/]*',
        ''
    )
{%- endmacro %}


{% macro file_name_of(url_column) -%}
    {%- set segment -%} substring({{ url_path(url_column) }} from '[^/]*$') {%- endset -%}
    nullif({{ percent_decoded(segment) }}, '')
{%- endmacro %}


{#- A query names the file only where the path does not: /download?id=7. -#}
{% macro file_key_of(url_column) -%}
    case
        when {{ url_path(url_column) }} ~ '\.[A-Za-z0-9]+$'
            then regexp_replace({{ url_column }}, '[?#].*$', '')
        else nullif({{ url_column }}, '')
    end
{%- endmacro %}


{#-
    By way of the text's bytes in hexadecimal: what escapes to no UTF-8, or to the NUL that
    no text of PostgreSQL can hold, stays as it is.
-#}
{% macro percent_decoded(text) -%}
    case
        when {{ text }} !~ '%[0-9A-Fa-f]{2}' then {{ text }}
        else
            coalesce(
                (
                    select convert_from(decode(escaped.bytes, 'hex'), 'UTF8')
                    from (
                        select
                            string_agg(
                                case
                                    when part.found[1] ~ '^%..$'
                                        then substr(part.found[1], 2)
                                    else encode(convert_to(part.found[1], 'UTF8'), 'hex')
                                end,
                                '' order by part.place
                            ) as bytes
                        from
                            regexp_matches(
                                {{ text }}, '%[0-9A-Fa-f]{2}|%|[^%]+', 'g'
                            ) with ordinality as part (found, place)
                    ) as escaped
                    where escaped.bytes ~* (
                        '^(0[1-9a-f]|[1-7][0-9a-f]'
                        '|(c[2-9a-f]|d[0-9a-f])[89ab][0-9a-f]'
                        '|(e0[ab]|ed[89]|e[1-9a-cef][89ab])[0-9a-f][89ab][0-9a-f]'
                        '|(f0[9ab]|f48|f[1-3][89ab])[0-9a-f]([89ab][0-9a-f]){2})*$'
                    )
                ),
                {{ text }}
            )
    end
{%- endmacro %}
