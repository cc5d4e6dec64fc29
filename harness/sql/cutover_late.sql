-- Rows of a legacy table that no build has decided on, and rows that were edited since
-- they were landed. What was only read since is neither.
select
    legacy.id::text as id,
    coalesce(kept.source_id, merged.source_id, skipped.source_id) is not null
        as is_edited
from ({rows}) as legacy
left join {consolidated}.chat_messages as kept
    on legacy.id = kept.source_id and kept.origin = {origin}
left join {consolidated}.merged_legacy_rows as merged
    on legacy.id = merged.source_id and merged.origin = {origin}
left join {consolidated}.skipped_legacy_rows as skipped
    on legacy.id = skipped.source_id and skipped.origin = {origin}
left join {staging}.{landing} as landed on legacy.id = landed.id
where
    coalesce(kept.source_id, merged.source_id, skipped.source_id) is null
    or (
        landed.id is not null
        and row({legacy_columns}) is distinct from row({landed_columns})
    )
limit {most}
