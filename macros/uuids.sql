{#-
    Nearly every id is written in the usual form, of which 36 bytes are told at once. What
    is no UUID stays as it is, in lower case.
-#}
{% macro to_id(text_column, table_name=none, landed_column=none) -%}
    case
        when octet_length({{ text_column }}) = 36 then lower({{ text_column }})
        when {{ is_uuid_text(text_column) }} then {{ uuid_text(text_column) }}
        {%- if table_name %}
        when {{ text_column }} ~ '^\\x[0-9a-f]{32}$'
            then case
                when (
                    select loaded_columns.is_time_swapped
                    from {{ source('mysql_dump', 'loaded_columns') }} as loaded_columns
                    where
                        loaded_columns.table_name = '{{ table_name }}'
                        and loaded_columns.column_name = '{{ landed_column }}'
                )
                    then (
                        substr({{ text_column }}, 11, 8)
                        || substr({{ text_column }}, 7, 4)
                        || substr({{ text_column }}, 3, 4)
                        || substr({{ text_column }}, 19)
                    )::uuid::text
                else substr({{ text_column }}, 3)::uuid::text
            end
        when {{ text_column }} ~ '^\\x([0-9a-f]{2}){32,90}$'
            then case
                when {{ is_uuid_text(spelled_bytes(text_column)) }}
                    then {{ uuid_text(spelled_bytes(text_column)) }}
                else lower({{ text_column }})
            end
        {%- endif %}
        else lower({{ text_column }})
    end
{%- endmacro %}


{#- What PostgreSQL takes for a UUID, or a URN of one: RFC 9562, section 4. -#}
{% macro is_uuid_text(text) -%}
    {{ text }} ~* (
        '^((urn:uuid:)?([0-9a-f]{4}-?){7}[0-9a-f]{4}'
        || '|[{]([0-9a-f]{4}-?){7}[0-9a-f]{4}[}])$'
    )
{%- endmacro %}


{% macro uuid_text(text) -%}
    replace(lower({{ text }}), 'urn:uuid:', '')::uuid::text
{%- endmacro %}


{#- The text that landed bytes spell, its other bytes as escapes. -#}
{% macro spelled_bytes(text_column) -%}
    encode(decode(substr({{ text_column }}, 3), 'hex'), 'escape')
{%- endmacro %}


{% macro is_uuid(text_column) -%}
    coalesce(
        {{ text_column }} ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false
    )
{%- endmacro %}


{#- PostgreSQL 15 has no pg_input_is_valid: the cast stands behind its own check. -#}
{% macro to_uuid(text_column) -%}
    case when {{ is_uuid(text_column) }} then ({{ text_column }})::uuid end
{%- endmacro %}


{#-
    RFC 9562, section 5.3: the MD5 of namespace and name, its 13th hexadecimal digit the
    version, the top two bits of the 17th the variant.
-#}
{% macro uuid_v3(namespace, name_column) -%}
    (
        select
            (
                left(hashed.digest, 12)
                || '3'
                || substr(hashed.digest, 14, 3)
                || translate(
                    substr(hashed.digest, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab'
                )
                || substr(hashed.digest, 18)
            )::uuid
        from (
            select
                md5(
                    decode('{{ namespace | replace("-", "") }}', 'hex')
                    || convert_to({{ name_column }}, 'UTF8')
                ) as digest
        ) as hashed
    )
{%- endmacro %}


{#- The namespace of media ids. Never change it: published media would get new ids. -#}
{% macro media_namespace() -%}
    5d9b2a4e-7c1f-5e0a-9f3b-2a6c8d4e1b70
{%- endmacro %}


{#- The namespace of unlinked sessions. Never change it: they would get new ids. -#}
{% macro unlinked_session_namespace() -%}
    0b6f1c52-93a4-5d7e-8e21-4c5a7f90d318
{%- endmacro %}


{#- The namespace of voice notes whose own id is taken. Never change it. -#}
{% macro voice_note_namespace() -%}
    c8d20e9b-6a15-5f43-b7d4-19e3a65f0c72
{%- endmacro %}
