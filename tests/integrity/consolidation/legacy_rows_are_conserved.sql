-- Every legacy row ends kept, merged or skipped, and once: the figures of each origin
-- add up to its landed rows, and each fate's rows stand in their own table.
with reconciliation as (
    select * from {{ ref('legacy_reconciliation') }}
),

session_messages as (
    select * from {{ ref('session_messages') }}
),

merged_rows as (
    select * from {{ ref('merged_legacy_rows') }}
),

skipped_rows as (
    select * from {{ ref('skipped_legacy_rows') }}
),

messages as (
    select * from {{ ref('stg_legacy_chat__messages') }}
),

voice_notes as (
    select * from {{ ref('stg_legacy_chat__voice_notes') }}
),

landed as (
    select
        'messages' as origin,
        message_id as source_id
    from messages

    union all

    select
        'voice_notes' as origin,
        voice_note_id as source_id
    from voice_notes
),

accounted as (
    select
        origin,
        source_id,
        'kept' as fate
    from session_messages

    union all

    select
        origin,
        source_id,
        'merged' as fate
    from merged_rows

    union all

    select
        origin,
        source_id,
        'skipped' as fate
    from skipped_rows
),

tallied as (
    select
        origin,
        source_id,
        1 as landed_rows,
        0 as fates
    from landed

    union all

    select
        origin,
        source_id,
        0 as landed_rows,
        1 as fates
    from accounted
),

-- Each landed row by itself, so that a lost one cannot hide behind one that is twice.
not_once as (
    select
        origin,
        source_id,
        sum(landed_rows) as landed_rows,
        sum(fates) as fates
    from tallied
    group by origin, source_id
    having sum(landed_rows) <> 1 or sum(fates) <> 1
),

found as (
    select
        origin,
        count(*) filter (where fate = 'kept') as rows_kept,
        count(*) filter (where fate = 'merged') as rows_merged,
        count(*) filter (where fate = 'skipped') as rows_skipped
    from accounted
    group by origin
),

miscounted as (
    select reconciliation.origin
    from reconciliation
    left join found on reconciliation.origin = found.origin
    where
        reconciliation.rows_kept <> coalesce(found.rows_kept, 0)
        or reconciliation.rows_merged <> coalesce(found.rows_merged, 0)
        or reconciliation.rows_skipped <> coalesce(found.rows_skipped, 0)
        or reconciliation.rows_read <> reconciliation.rows_kept
        + reconciliation.rows_merged
        + reconciliation.rows_skipped
)

select
    origin,
    source_id,
    landed_rows,
    fates
from not_once

union all

select
    origin,
    null as source_id,
    null as landed_rows,
    null as fates
from miscounted
