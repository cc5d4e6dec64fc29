with recursive pairs as (
    select * from {{ ref('int_pairs_contested') }}
),

-- Each step looks two rows up by the index, which a materialized CTE would not have.
pair_totals as not materialized (
    select * from {{ ref('int_pair_totals') }}
),

-- From the last to the first: where doing without one of the more costs nothing, it
-- stays free, so that of several best assignments the earliest are taken.
steps as (
    select
        pair_number,
        cardinality(more_times) as more_number,
        cardinality(fewer_times) as fewer_number,
        false as is_linked
    from pairs

    union all

    select
        pair_number,
        more_number - 1 as more_number,
        fewer_number - is_linked::int as fewer_number,
        is_linked
    from (  -- noqa: ST05
        select
            steps.pair_number,
            steps.more_number,
            steps.fewer_number,
            coalesce(
                (
                    select pair_totals.least_totals[steps.fewer_number + 1]
                    from pair_totals
                    where
                        pair_totals.pair_number = steps.pair_number
                        and pair_totals.more_count = steps.more_number
                ) <> (
                    select pair_totals.least_totals[steps.fewer_number + 1]
                    from pair_totals
                    where
                        pair_totals.pair_number = steps.pair_number
                        and pair_totals.more_count = steps.more_number - 1
                ),
                true
            ) as is_linked
        from steps
        where steps.fewer_number > 0
    ) as compared
),

linked as (
    select
        pairs.*,
        case
            when pairs.has_fewer_chats then steps.fewer_number + 1
            else steps.more_number + 1
        end as chat_number,
        case
            when pairs.has_fewer_chats then steps.more_number + 1
            else steps.fewer_number + 1
        end as booking_number
    from steps
    inner join pairs on steps.pair_number = pairs.pair_number
    where steps.is_linked
),

-- What speaks against a link: another booking, or another chat, that is near as well.
final as (
    select
        linked.chat_rows[linked.chat_number] as source_row,
        linked.booking_ids[linked.booking_number] as booking_id,
        cardinality(linked.booking_ids) as candidates,
        abs(
            linked.chat_times[linked.chat_number]
            - linked.booking_times[linked.booking_number]
        ) as distance_microseconds,
        least(
            (
                select min(abs(linked.chat_times[linked.chat_number] - other.made_at))
                from
                    unnest(linked.booking_times)
                    with ordinality as other (made_at, place)
                where other.place <> linked.booking_number
            ),
            (
                select
                    min(
                        abs(linked.booking_times[linked.booking_number] - other.made_at)
                    )
                from
                    unnest(linked.chat_times)
                    with ordinality as other (made_at, place)
                where other.place <> linked.chat_number
            )
        ) as runner_up_microseconds
    from linked
)

select * from final
