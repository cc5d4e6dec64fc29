-- The consolidation's rules for values, as its models have them (macros/file_urls.sql,
-- macros/uuids.sql, models/intermediate/consolidation).

-- The name of a URL's file (RFC 3986): the last segment of the path, decoded.
create function {private}.file_name(url text) returns text
language plpgsql immutable set search_path = '' as $$
declare
    segment text := split_part(split_part(url, '#', 1), '?', 1);
    decoded bytea := '';
    place int := 1;
begin
    if segment ~ '^[A-Za-z][A-Za-z0-9+.-]*://[^/]*$' then
        return null;
    end if;
    segment := substring(segment from '[^/]*$');
    if segment !~ '%[0-9A-Fa-f]{2}' then
        return nullif(segment, '');
    end if;
    while place <= length(segment) loop
        if substr(segment, place, 3) ~ '^%[0-9A-Fa-f]{2}$' then
            decoded := decoded || decode(substr(segment, place + 1, 2), 'hex');
            place := place + 3;
        else
            decoded := decoded || convert_to(substr(segment, place, 1), 'UTF8');
            place := place + 1;
        end if;
    end loop;
    return nullif(convert_from(decoded, 'UTF8'), '');
exception
    when character_not_in_repertoire or untranslatable_character then
        return segment;
end;
$$;

-- What the URLs of one file share: all but the query, unless only the query names it.
create function {private}.file_key(url text) returns text
language sql immutable set search_path = '' as $$
    select case
        when
            regexp_replace(
                regexp_replace(url, '[?#].*$', ''),
                '^[A-Za-z][A-Za-z0-9+.-]*://[^/]*',
                ''
            ) ~ '\.[A-Za-z0-9]+$'
            then regexp_replace(url, '[?#].*$', '')
        else nullif(url, '')
    end
$$;

-- A UUID of version 3 (RFC 9562, section 5.3) for a row's id.
create function {private}.named_uuid(namespace uuid, name uuid) returns uuid
language sql immutable set search_path = '' as $$
    select
        (
            left(hashed.digest, 12)
            || '3'
            || substr(hashed.digest, 14, 3)
            || translate(
                substr(hashed.digest, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab'
            )
            || substr(hashed.digest, 18)
        )::uuid
    from (
        select
            md5(uuid_send(namespace) || convert_to(name::text, 'UTF8')) as digest
    ) as hashed
$$;

create function {private}.new_type(legacy_type text, file_url text) returns text
language sql immutable set search_path = '' as $$
    select case
        when legacy_type = 'voice' then 'audio'
        when legacy_type in ('text', 'image', 'audio', 'file', 'system')
            then legacy_type
        when legacy_type is null or coalesce(file_url, '') = '' then 'text'
        else 'file'
    end
$$;

-- The new system has no column for what is said.
create function {private}.note_metadata(metadata jsonb, transcription text)
returns jsonb
language sql immutable set search_path = '' as $$
    select case
        when transcription is null then metadata
        when coalesce(jsonb_typeof(metadata), 'object') <> 'object'
            then jsonb_build_object(
                'metadata', metadata, 'transcription', transcription
            )
        else
            coalesce(metadata, '{}')
            || jsonb_build_object('transcription', transcription)
    end
$$;

-- Both are kept; where both have a word, the message's own counts.
create function {private}.merged_metadata(filling jsonb, own jsonb) returns jsonb
language sql immutable set search_path = '' as $$
    select case
        when coalesce(jsonb_typeof(filling), 'null') = 'null' then own
        when coalesce(jsonb_typeof(own), 'null') = 'null' then filling
        else
            case
                when jsonb_typeof(filling) = 'object' then filling
                else jsonb_build_object('metadata', filling)
            end
            || case
                when jsonb_typeof(own) = 'object' then own
                else jsonb_build_object('metadata', own)
            end
    end
$$;
