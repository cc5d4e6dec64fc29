with recursive pairs as (
    select * from {{ ref('int_pairs_contested') }}
),

-- least_totals[k + 1] is the least total distance of k links between the first k of
-- the fewer and any k of the first more_count of the more, both in order of time: no
-- links that cross are shorter. Null where there are not k of them yet.
totals as (
    select
        pair_number,
        0 as more_count,
        array[0::numeric]
        || array_fill(null::numeric, array[cardinality(fewer_times)]) as least_totals
    from pairs

    union all

    select
        totals.pair_number,
        totals.more_count + 1 as more_count,
        array(
            select
                least(
                    totals.least_totals[place.number],
                    totals.least_totals[place.number - 1] + abs(
                        pairs.fewer_times[place.number - 1]
                        - pairs.more_times[totals.more_count + 1]
                    )
                )
            from generate_subscripts(totals.least_totals, 1) as place (number)
            order by place.number
        ) as least_totals
    from totals
    inner join pairs on totals.pair_number = pairs.pair_number
    where totals.more_count < cardinality(pairs.more_times)
)

select * from totals
