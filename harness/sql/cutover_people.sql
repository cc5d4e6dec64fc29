-- Who asks, and what is theirs. Each has a fixed search path and looks at its caller.
create function {private}.caller_id() returns uuid
language sql stable security definer set search_path = '' as $$
    select {caller}
$$;
comment on function {private}.caller_id() is
    'The user who is signed in; null for a role that works without one.';

create function {private}.is_admin() returns boolean
language sql stable security definer set search_path = '' as $$
    select exists (
        select
        from {live}.profiles as profile
        where
            profile.id = {private}.caller_id()::{profile_key}
            and {is_admin_profile}
    )
$$;
comment on function {private}.is_admin() is 'Whether the user is an administrator.';

create function {private}.own_sessions() returns setof uuid
language sql stable security definer rows 50 set search_path = '' as $$
    select session.id
    from {live}.chat_sessions as session
    where session.participants @> array[{private}.caller_id()]
$$;
comment on function {private}.own_sessions() is
    'The sessions in which the user takes part.';

create function {private}.require_own(sender uuid) returns void
language plpgsql stable set search_path = '' as $$
begin
    if {private}.caller_id() <> sender and not {private}.is_admin() then
        raise exception 'this row is of another user'
            using errcode = 'insufficient_privilege';
    end if;
end;
$$;
