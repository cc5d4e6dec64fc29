-- Invariant: the shares of a whole add up to 100 percent, but for the rounding of each
-- to two decimals. A row names a report whose shares do not.
{% set reports = ['report_sender_distribution', 'report_read_state_distribution'] %}

with sums as (
    {% for report in reports %}
        {{ 'union all' if not loop.first }}
        select
            '{{ report }}' as report,
            count(*) as share_count,
            sum(message_percent) as percent_sum
        from {{ ref(report) }}
    {% endfor %}
),

final as (
    select * from sums
    where abs(percent_sum - 100) > 0.005 * share_count
)

select * from final
