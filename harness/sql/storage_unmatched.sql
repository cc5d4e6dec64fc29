-- What a plan could not match, and what it matched with a remark.
delete from {ledger}.storage_unmatched where run_id = {run_id};

insert into {ledger}.storage_unmatched (
    run_id, pipeline, kind, source, source_name, table_name, row_id, detail
)
select {run_id}, {pipeline}, kind, source, source_name, table_name, row_id, detail
from (
    select
        'file without message' as kind,
        listed.source,
        listed.name as source_name,
        null as table_name,
        null::uuid as row_id,
        listed.size || ' bytes' as detail
    from storage_listed as listed
    where
        not exists (
            select 1
            from storage_found as found
            where found.listed_id = listed.listed_id
        )
        and not exists (
            select 1
            from {ledger}.storage_files as file
            where
                file.source = listed.source
                and file.source_name = listed.name
                and file.status <> 'removed'
        )

    union all

    select
        case
            when found.found > 1 then 'several files for one message'
            when found.listed_id is not null then 'message without session or sender'
            when readable.row_id is null then 'reference to another place'
            else 'message without file'
        end,
        null,
        null,
        {table_name},
        live.row_id,
        live.reference
    from storage_rows as live
    left join storage_found as found on live.row_id = found.row_id
    left join (select distinct row_id from storage_referenced) as readable
        on live.row_id = readable.row_id
    where
        found.listed_id is null
        or live.session_id is null
        or live.sender_id is null

    union all

    select
        'file of several messages',
        listed.source,
        listed.name,
        {table_name},
        found.row_id,
        shared.messages || ' messages, ' || shared.places || ' copies'
    from storage_found as found
    inner join storage_listed as listed on found.listed_id = listed.listed_id
    inner join (
        select
            found.listed_id,
            count(*) as messages,
            count(distinct (live.session_id, live.sender_id)) as places
        from storage_found as found
        inner join storage_rows as live on found.row_id = live.row_id
        group by found.listed_id
        having count(*) > 1
    ) as shared on found.listed_id = shared.listed_id

    union all

    select
        'name clashes in the target',
        source,
        source_name,
        null,
        null,
        wanted_name || ' is taken: ' || target_name
    from storage_wanted
    where target_name <> wanted_name

    union all

    select
        refusal,
        source,
        source_name,
        null,
        null,
        size || ' bytes, ' || coalesce(content_type, 'no type')
    from storage_wanted
    where is_refused and file_id is null

    union all

    select
        'changed after the switch',
        wanted.source,
        wanted.source_name,
        reference.table_name,
        reference.row_id,
        wanted.size || ' bytes now'
    from storage_wanted as wanted
    inner join {ledger}.storage_files as file on wanted.file_id = file.file_id
    inner join {ledger}.storage_references as reference
        on file.file_id = reference.file_id
    where
        wanted.etag <> file.etag
        and reference.switched_at is not null
        and reference.restored_at is null
) as remarks
order by kind, source, source_name, row_id
