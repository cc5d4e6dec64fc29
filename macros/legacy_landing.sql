{#-
    Without a landed legacy system its models are built on empty tables, so that a plain
    dbt build works on every database. The harness lands tables of the same columns
    (harness/legacy.py) and never keeps one of these.
-#}
{% macro ensure_legacy_landing() -%}
    {%- if runs_nodes() and 'consolidation' in pipelines_of(selected_resources) -%}
        {%- set schema = schema_prefix() ~ 'staging' -%}
        {%- if not adapter.check_schema_exists(target.database, schema) -%}
            {%- do adapter.create_schema(
                api.Relation.create(database=target.database, schema=schema)
            ) -%}
        {%- endif -%}
        {%- for name, columns in legacy_landing_tables().items()
            if not adapter.get_relation(target.database, schema, name) %}
            create table if not exists {{ api.Relation.create(
                database=target.database, schema=schema, identifier=name
            ) }} ({{ columns }});
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{% macro legacy_landing_tables() -%}
    {{ return({
        'legacy_messages': 'id uuid, booking_id uuid, sender_id uuid, type text,'
            ~ ' content text, file_url text, metadata jsonb, is_read boolean,'
            ~ ' created_at timestamptz',
        'legacy_voice_notes': 'id uuid, user_id uuid, file_url text, file_name text,'
            ~ ' file_size bigint, duration_seconds integer, transcription text,'
            ~ ' context_type text, context_id uuid, metadata jsonb,'
            ~ ' created_at timestamptz',
        'legacy_bookings': 'id uuid, user_id uuid, reader_id uuid, status text,'
            ~ ' created_at timestamptz',
        'legacy_profiles': 'id uuid',
        'legacy_chat_sessions': 'id uuid, type text, created_at timestamptz,'
            ~ ' last_message_at timestamptz, is_published boolean',
        'legacy_chat_messages': 'id uuid, session_id uuid, sender_id uuid, type text,'
            ~ ' content text, file_url text, created_at timestamptz,'
            ~ ' is_published boolean',
        'legacy_tables': 'table_name text, rows bigint',
        'legacy_loads': 'run_id text, landed_at timestamptz, legacy_schema text,'
            ~ ' live_schema text',
    }) }}
{%- endmacro %}
