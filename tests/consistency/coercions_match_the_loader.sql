-- Every value that the loader coerced stands in coercions once, nothing else does under
-- its rule, and a message that it coerced holds U+FFFD.
with coerced_values as (
    select * from {{ ref('stg_mysql_dump__coerced_values') }}
),

coercions as (
    select * from {{ ref('coercions') }}
    where rule = 'nul_replaced'
),

messages as (
    select * from {{ ref('stg_mysql_dump__messages') }}
),

unlike as (
    select
        coalesce(coerced_values.table_name, coercions.table_name) as table_name,
        coalesce(coerced_values.source_row, coercions.source_row) as source_row,
        coalesce(coerced_values.column_name, coercions.column_name) as column_name
    from coerced_values
    full outer join coercions
        on
            coerced_values.table_name = coercions.table_name
            and coerced_values.source_row = coercions.source_row
            and coerced_values.column_name = coercions.column_name
    where coerced_values.table_name is null or coercions.table_name is null
),

not_replaced as (
    select
        coerced_values.table_name,
        coerced_values.source_row,
        coerced_values.column_name
    from coerced_values
    left join messages on coerced_values.source_row = messages.source_row
    where
        coerced_values.table_name = 'message'
        and coerced_values.column_name = 'message'
        and coalesce(strpos(messages.content, chr(65533)), 0)
        <> coerced_values.first_position
)

select * from unlike
union all
select * from not_replaced
