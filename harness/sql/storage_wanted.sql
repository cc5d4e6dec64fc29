-- Where each matched file is to go: one copy for each session and sender that refers
-- to it. A name is taken when the target or an earlier file of the plan has it, in
-- whatever case or composition: then the file gets digits of the SHA-256 of its source
-- before its extension. The first in the order of the sources, then of the names, keeps
-- its own.
create temporary table storage_wanted on commit drop as
with matched as (
    select distinct
        found.listed_id,
        live.session_id,
        live.sender_id
    from storage_found as found
    inner join storage_rows as live on found.row_id = live.row_id
    where
        found.listed_id is not null
        and live.session_id is not null
        and live.sender_id is not null
),

named as (
    select
        matched.*,
        listed.position,
        listed.source,
        listed.name as source_name,
        listed.full_name,
        listed.size,
        listed.etag,
        listed.content_type,
        listed.owner_id,
        matched.session_id || '/' || matched.sender_id || '/' as folder,
        case
            when base.name in ('', '.', '..') then 'file'
            else base.name
        end as base_name,
        encode(
            sha256(convert_to(listed.source || '/' || listed.name, 'UTF8')), 'hex'
        ) as digits
    from matched
    inner join storage_listed as listed on matched.listed_id = listed.listed_id
    cross join lateral (
        select substring(rtrim(listed.full_name, '/') from '[^/]*$') as name
    ) as base
),

standing as (
    select
        named.*,
        file.file_id,
        file.target_name as standing_name
    from named
    left join {ledger}.storage_files as file
        on
            named.source = file.source
            and named.source_name = file.source_name
            and named.session_id = file.session_id
            and named.sender_id = file.sender_id
            and file.target = {target}
            and file.status <> 'removed'
),

taken as (
    select normalize(lower(name), nfc) as name
    from storage_taken
    union
    select normalize(lower(target_name), nfc)
    from {ledger}.storage_files
    where target = {target} and status <> 'removed'
),

placed as (
    select
        *,
        folder || base_name as wanted_name,
        folder || regexp_replace(
            base_name, '^(.+?)(\.[^.]*)?$', '\1-' || left(digits, 8) || '\2'
        ) as short_name,
        folder || regexp_replace(
            base_name, '^(.+?)(\.[^.]*)?$', '\1-' || digits || '\2'
        ) as long_name,
        row_number() over (
            partition by normalize(lower(folder || base_name), nfc)
            order by (file_id is null), position, full_name collate "C"
        ) as place
    from standing
)

select
    placed.*,
    refused.refusal,
    refused.refusal is not null as is_refused,
    coalesce(
        placed.standing_name,
        case
            when placed.place = 1 and taken_wanted.name is null then placed.wanted_name
        end,
        case when taken_short.name is null then placed.short_name end,
        placed.long_name
    ) as target_name
from placed
left join taken as taken_wanted
    on normalize(lower(placed.wanted_name), nfc) = taken_wanted.name
left join taken as taken_short
    on normalize(lower(placed.short_name), nfc) = taken_short.name
cross join lateral (
    select
        case
            when placed.size > {max_bytes} then 'size refused'
            when
                not split_part(lower(coalesce(placed.content_type, '')), ';', 1)
                like any({types})
                then 'type refused'
        end as refusal
) as refused
