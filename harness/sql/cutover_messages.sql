-- What reading and writing the view of the legacy messages does. These work with the
-- rights of who writes: the policies of both tables decide.
create function {private}.carry_message(asked_id uuid) returns void
language plpgsql set search_path = '' as $$
declare
    place record;
begin
    select * into place from {private}.place_message(asked_id);
    if place.session_id is null then
        return;
    end if;
    insert into {live}.chat_messages ({message_columns})
    select {message_values}
    from (
        select
            stored.id,
            place.session_id,
            stored.sender_id,
            {private}.new_type(stored.type, stored.file_url) as type,
            coalesce(stored.content, '') as content,
            stored.file_url,
            {private}.file_name(stored.file_url) as file_name,
            0::bigint as file_size,
            null::integer as duration_seconds,
            coalesce(stored.is_read, false) as is_read,
            place.sent_at as created_at,
            stored.metadata
        from {private}.legacy_messages as stored
        where stored.id = asked_id
    ) as mart
    on conflict do nothing;
    if found then
        perform {private}.touch_session(asked_id);
    end if;
end;
$$;

create function {private}.insert_message() returns trigger
language plpgsql set search_path = '' as $$
begin
    perform {private}.require_link(new.booking_id::uuid);
    {insert}
    if not found then
        return null;
    end if;
    perform {private}.carry_message(new.id::uuid);
    return new;
end;
$$;

create function {private}.update_message() returns trigger
language plpgsql set search_path = '' as $$
declare
    is_legacy boolean := exists (
        select from {private}.messages as stored
        where stored.id = old.id and stored.sender_id = old.sender_id
    );
    place record;
begin
    if row(new.id, new.sender_id) is distinct from row(old.id, old.sender_id) then
        raise exception 'the id and the sender of a message do not change'
            using errcode = 'feature_not_supported';
    end if;
    if new.booking_id is distinct from old.booking_id then
        perform {private}.require_link(new.booking_id::uuid);
    end if;
    if {was_only_read} and (
        select row_security_active(rel.oid)
        from pg_class as rel
        inner join pg_namespace as nsp on rel.relnamespace = nsp.oid
        where nsp.nspname = {archive_name} and rel.relname = 'messages'
    ) then
        if {private}.mark_read(old.id::uuid, {is_read}) then
            return new;
        end if;
        return null;
    end if;
    if is_legacy then
        {update}
        if not found then
            return null;
        end if;
    end if;
    if is_legacy and new.booking_id is distinct from old.booking_id then
        select * into place from {private}.place_message(old.id::uuid);
    else
        select null::uuid as session_id into place;
    end if;
    update {live}.chat_messages as message
    set {message_changes}
    where message.id = old.id::uuid and message.sender_id = old.sender_id::uuid;
    if found then
        if place.session_id is not null then
            perform {private}.touch_session(old.id::uuid);
        end if;
        return new;
    end if;
    if not is_legacy then
        return null;
    end if;
    if {private}.is_carried(old.id::uuid, old.sender_id::uuid) then
        raise exception 'this message cannot be changed by %', current_user
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end;
$$;

create function {private}.delete_message() returns trigger
language plpgsql set search_path = '' as $$
declare
    is_legacy boolean := exists (
        select from {private}.messages as stored
        where stored.id = old.id and stored.sender_id = old.sender_id
    );
begin
    if is_legacy then
        delete from {private}.messages as stored
        where stored.id = old.id and stored.sender_id = old.sender_id;
        if not found then
            return null;
        end if;
    end if;
    delete from {live}.chat_messages as message
    where message.id = old.id::uuid and message.sender_id = old.sender_id::uuid;
    if found then
        return old;
    end if;
    if not is_legacy then
        return null;
    end if;
    if {private}.is_carried(old.id::uuid, old.sender_id::uuid) then
        raise exception 'this message cannot be deleted by %', current_user
            using errcode = 'insufficient_privilege';
    end if;
    return old;
end;
$$;
