-- Each live row's file: the best rank at which one is found. Where several files are
-- found at that rank, nobody can tell which is meant, and the row stays unmatched.
create temporary table storage_found on commit drop as
with exact as (
    select
        referenced.row_id,
        referenced.rank,
        referenced.matched_by,
        listed.listed_id
    from storage_referenced as referenced
    inner join storage_listed as listed on referenced.name = listed.full_name
    where
        referenced.matched_by in ('path', 'decoded path')
        and coalesce(referenced.bucket, listed.bucket) = listed.bucket
),

composed as (
    select
        referenced.row_id,
        referenced.rank + 10 as rank,
        'composed path' as matched_by,
        listed.listed_id
    from storage_referenced as referenced
    inner join storage_listed as listed
        on normalize(referenced.name, nfc) = normalize(listed.full_name, nfc)
    where
        referenced.matched_by in ('path', 'decoded path')
        and coalesce(referenced.bucket, listed.bucket) = listed.bucket
        and not (
            referenced.name is nfc normalized
            and listed.full_name is nfc normalized
        )
),

named as (
    select
        referenced.row_id,
        referenced.rank,
        referenced.matched_by,
        keys.listed_id
    from storage_referenced as referenced
    inner join (
        select
            listed_id,
            lower(regexp_replace(full_name, '^.*/|\.[^./]*$', '', 'g')) as name
        from storage_listed
        union
        select
            listed_id,
            lower(unnest(string_to_array(full_name, '/')))
        from storage_listed
    ) as keys on referenced.name = keys.name
    where referenced.matched_by in ('image id', 'message id')
),

every as (
    select * from exact
    union
    select * from composed
    union
    select * from named
),

best as (
    select
        *,
        rank() over (partition by row_id order by rank) as place,
        count(*) over (partition by row_id, rank) as found
    from every
)

select distinct
    row_id,
    matched_by,
    case when found = 1 then listed_id end as listed_id,
    found
from best
where place = 1
