-- The links of one buyer and one stylist, who need not be many: rest[i][j] is the least
-- total of linking what is left from place i of the smaller side with what is left from
-- place j of the larger one, both in order of time. Read from the front, each takes the
-- earliest that keeps the total least. The models come from the other end.
create or replace function pg_temp.match_times(fewer bigint [], more bigint [])
returns setof int language plpgsql immutable as $$
declare
    m constant int := cardinality(fewer);
    n constant int := cardinality(more);
    rest numeric [] := array_fill(null::numeric, array[(m + 1) * (n + 1)]);
    j int := 1;
begin
    for place in 1 .. n + 1 loop
        rest[m * (n + 1) + place] := 0;
    end loop;
    for i in reverse m .. 1 loop
        for k in reverse n - m + i .. i loop
            rest[(i - 1) * (n + 1) + k] := least(
                rest[(i - 1) * (n + 1) + k + 1],
                abs(fewer[i]::numeric - more[k]) + rest[i * (n + 1) + k + 1]
            );
        end loop;
    end loop;
    for i in 1 .. m loop
        while rest[(i - 1) * (n + 1) + j]
            < abs(fewer[i]::numeric - more[j]) + rest[i * (n + 1) + j + 1] loop
            j := j + 1;
        end loop;
        return next j;
        j := j + 1;
    end loop;
end;
$$;

create or replace function pg_temp.as_microseconds(value timestamptz) returns bigint
language sql immutable
return (extract(epoch from value) * 1000000)::bigint;

create temporary table expected_pairs on commit drop as
with claims as (
    select distinct lower(booking_id) as booking_id
    from pg_temp.landed_chat()
    where booking_id is not null
),

bookings as (
    select
        people.buyer_id,
        people.old_stylist_id,
        array_agg(people.booking_id order by born.at, people.booking_id) as booking_ids,
        array_agg(
            pg_temp.as_microseconds(born.at) order by born.at, people.booking_id
        ) as booking_times
    from expected_people as people
    inner join expected_zones as zones
        on zones.table_name = 'booking' and zones.column_name = 'created_at'
    cross join lateral (
        select
            coalesce(
                pg_temp.as_time(people.created_at, zones.zone, zones.digits),
                timestamptz '1970-01-01 00:00:00+00'
            ) as at
    ) as born
    where people.booking_id not in (select booking_id from claims)
    group by people.buyer_id, people.old_stylist_id
),

chats as (
    select
        chat.buyer_id,
        chat.stylist_id,
        array_agg(chat.id order by chat.created_at, chat.id) as chat_ids,
        array_agg(
            pg_temp.as_microseconds(chat.created_at) order by chat.created_at, chat.id
        ) as chat_times
    from expected_chat_times as chat
    left join expected_people as people on chat.booking_id = people.booking_id
    where people.booking_id is null
    group by chat.buyer_id, chat.stylist_id
)

select
    chats.chat_ids,
    chats.chat_times,
    bookings.booking_ids,
    bookings.booking_times
from chats
inner join bookings
    on
        chats.buyer_id = bookings.buyer_id
        and chats.stylist_id = bookings.old_stylist_id;

create temporary table expected_links on commit drop as
with given as (
    select
        pairs.chat_ids[link.place] as chat_id,
        pairs.booking_ids[link.chosen] as booking_id
    from expected_pairs as pairs
    cross join lateral rows from (
        pg_temp.match_times(pairs.chat_times, pairs.booking_times)
    ) with ordinality as link (chosen, place)
    where cardinality(pairs.chat_times) <= cardinality(pairs.booking_times)

    union all

    select
        pairs.chat_ids[link.chosen],
        pairs.booking_ids[link.place]
    from expected_pairs as pairs
    cross join lateral rows from (
        pg_temp.match_times(pairs.booking_times, pairs.chat_times)
    ) with ordinality as link (chosen, place)
    where cardinality(pairs.chat_times) > cardinality(pairs.booking_times)
)

select
    chat.id as chat_id,
    people.booking_id::uuid as booking_id,
    people.customer_id,
    people.stylist_id,
    people.booking_id as merged_by,
    false as is_left_over
from expected_chat_times as chat
left join given on chat.id = given.chat_id
left join expected_people as own on chat.booking_id = own.booking_id
inner join expected_people as people
    on coalesce(own.booking_id, given.booking_id) = people.booking_id;
