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

time_zones as (
    select * from {{ ref('int_source_time_zones') }}
),

coercions as (
    select * from {{ ref('coercions') }}
    where table_name = 'message' and rule <> 'nul_replaced'
),

carried as (
    select
        messages.*,
        time_zones.message_created_at_zone as clock_zone,
        coalesce(time_zones.message_created_at_digits, 6) as digits
    from messages
    inner join chat_messages on messages.message_id = chat_messages.id::text
    cross join time_zones
    left join skipped_messages on messages.source_row = skipped_messages.source_row
    where skipped_messages.source_row is null
),

-- A clock shows a time once, but where it is changed: then twice, or not at all. The
-- offsets of a day and a half before and after say when it may have been.
offsets as (
    select
        source_row,
        clock_zone,
        created_wall_clock as shown,
        (created_wall_clock - interval '36 hours')
        at time zone 'UTC' at time zone clock_zone
        - (created_wall_clock - interval '36 hours') as offset_before,
        (created_wall_clock + interval '36 hours')
        at time zone 'UTC' at time zone clock_zone
        - (created_wall_clock + interval '36 hours') as offset_after
    from carried
    where clock_zone !~ '^[+-]' and clock_zone <> 'UTC'
),

odd_times as (
    select source_row
    from offsets
    where
        offset_before <> offset_after
        and ((shown - offset_before) at time zone 'UTC' at time zone clock_zone = shown)
        = ((shown - offset_after) at time zone 'UTC' at time zone clock_zone = shown)
),

expected as (
    select
        carried.source_row,
        (carried.content is null)::int
        + (carried.is_unread is null or carried.is_unread not in ('0', '1'))::int
        + (carried.is_image is null or carried.is_image not in ('0', '1'))::int
        + (
            carried.created_wall_clock is null
            or odd_times.source_row is not null
            or extract(microseconds from carried.created_wall_clock)
            % (10 ^ (6 - carried.digits))::int <> 0
            or carried.created_at_text ~ '[.][0-9]{6,}[1-9]'
        )::int as value_count
    from carried
    left join odd_times on carried.source_row = odd_times.source_row
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
