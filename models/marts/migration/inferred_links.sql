{#- Days in microseconds: within the first a link can be of high confidence, beyond the
    second it is of low. -#}
{% set near = 30 * 24 * 3600 * 1000000 %}
{% set far = 180 * 24 * 3600 * 1000000 %}
{% set strategy = linkage_strategy() %}

with links_inferred as (
    select * from {{ ref('int_links_inferred') }}
    where method in ('nearest', 'merged')
),

chats as (
    select * from {{ ref('int_chats_checked') }}
    where is_first_of_id
),

final as (
    select
        links_inferred.source_row,
        chats.chat_uuid as chat_id,
        coalesce(links_inferred.booking_id, links_inferred.merge_booking_id)::uuid
            as booking_id,
        links_inferred.method,
        links_inferred.candidates::bigint as candidates,
        links_inferred.distance_microseconds::bigint as distance_microseconds,
        links_inferred.runner_up_microseconds::bigint as runner_up_microseconds,
        chats.booking_id is not null as has_other_booking,
        case
            when
                chats.booking_id is not null
                or links_inferred.distance_microseconds > {{ far }}
                or links_inferred.runner_up_microseconds
                < links_inferred.distance_microseconds
                then 'low'
            when
                links_inferred.distance_microseconds <= {{ near }}
                and coalesce(
                    links_inferred.runner_up_microseconds
                    >= 2 * links_inferred.distance_microseconds,
                    true
                )
                then 'high'
            else 'medium'
        end as confidence,
        {% if strategy == 'infer and merge' -%} true
        {%- elif strategy == 'infer' -%} links_inferred.method = 'nearest'
        {%- else -%} false
        {%- endif %} as is_applied
    from links_inferred
    -- A copy of a chat is linked with the first row of its id.
    inner join chats on links_inferred.source_row = chats.source_row
)

select * from final
