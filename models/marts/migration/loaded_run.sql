with loads as (
    select * from {{ ref('stg_mysql_dump__loads') }}
),

final as (
    select
        run_id,
        loaded_at,
        '{{ source_timezone() }}' as source_timezone,
        '{{ var("linkage") }}' as linkage,
        {{ var("linkage_merge") | string | lower }} as linkage_merge
    from loads
)

select * from final
