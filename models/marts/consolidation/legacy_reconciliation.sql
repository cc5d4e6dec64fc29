with landed_tables as (
    select * from {{ ref('stg_legacy_chat__tables') }}
    -- The tables whose rows are carried; the others only explain them.
    where table_name in ('messages', 'voice_notes')
),

session_rows as (
    select * from {{ ref('int_session_rows_linked') }}
),

counted as (
    select
        origin,
        count(*) filter (where fate = 'kept') as rows_kept,
        count(*) filter (where fate = 'merged') as rows_merged,
        count(*) filter (where fate = 'skipped') as rows_skipped
    from session_rows
    group by origin
),

final as (
    select
        landed_tables.table_name as origin,
        landed_tables.row_count as rows_read,
        coalesce(counted.rows_kept, 0) as rows_kept,
        coalesce(counted.rows_merged, 0) as rows_merged,
        coalesce(counted.rows_skipped, 0) as rows_skipped
    from landed_tables
    left join counted on landed_tables.table_name = counted.origin
)

select * from final
