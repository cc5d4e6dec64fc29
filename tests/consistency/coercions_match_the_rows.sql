-- Every value of a carried message that differs from the dump's stands in coercions,
-- and nothing stands there that was taken as it is. Judged on the landed values, not on
-- the rules that the models note down.
with chat_messages as (
    select * from {{ ref('chat_messages') }}
),

messages as (
    select * from {{ ref('stg_mysql_dump__messages') }}
),

skipped_messages as (
    select * from {{ ref('skipped_messages') }}
),

coercions as (
    select * from {{ ref('coercions') }}
    where table_name = 'message' and rule <> 'nul_replaced'
),

carried as (
    select messages.*
    from messages
    inner join chat_messages on messages.message_id = chat_messages.id::text
    left join skipped_messages on messages.source_row = skipped_messages.source_row
    where skipped_messages.source_row is null
),

expected as (
    select
        source_row,
        (content is null)::int
        + (is_unread is null or is_unread not in ('0', '1'))::int
        + (is_image is null or is_image not in ('0', '1'))::int
        + (created_wall_clock is null)::int as value_count
    from carried
),

listed as (
    select
        source_row,
        count(*) as value_count
    from coercions
    group by source_row
)

select
    coalesce(expected.source_row, listed.source_row) as source_row,
    coalesce(expected.value_count, 0) as values_expected,
    coalesce(listed.value_count, 0) as values_listed
from expected
full outer join listed on expected.source_row = listed.source_row
where coalesce(expected.value_count, 0) <> coalesce(listed.value_count, 0)
