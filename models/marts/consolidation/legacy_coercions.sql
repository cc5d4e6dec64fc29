{%- set values_by_rule = [
    ('content', 'content_rule', 'legacy_content', 'content'),
    ('type', 'type_rule', 'legacy_type', 'message_type'),
    ('is_read', 'is_read_rule', 'null::text', "'false'"),
    ('created_at', 'created_at_rule', 'null::text', to_utc_text('created_at')),
] -%}

with session_rows as (
    select * from {{ ref('int_session_rows_linked') }}
),

-- Skipped and merged rows keep their values where they are, in the legacy tables.
coerced_rows as (
    select *
    from session_rows
    where
        fate = 'kept'
        and coalesce(content_rule, type_rule, is_read_rule, created_at_rule) is not null
),

final as (
    {% for column_name, rule, old_value, new_value in values_by_rule %}
        select
            origin,
            source_id,
            '{{ column_name }}' as column_name,
            {{ rule }} as rule,
            {{ old_value }} as old_value,
            {{ new_value }} as new_value
        from coerced_rows
        where {{ rule }} is not null
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
