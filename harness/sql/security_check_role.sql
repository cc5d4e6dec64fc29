-- What an application's role may do: use the live schema and write the chat tables. It
-- is never committed.
grant usage on schema {live} to {role};
do $body$
declare
    named record;
begin
    for named in
        select
            rel.oid::regclass as relation,
            rel.relname in ('profiles', 'bookings') as is_only_read
        from pg_class as rel
        where
            rel.relnamespace = to_regnamespace(quote_ident({live_name}))
            and rel.relname in (
                'chat_sessions', 'chat_messages', 'profiles', 'bookings'
            )
    loop
        execute format(
            'grant %s on table %s to %I',
            case
                when named.is_only_read then 'select'
                else 'select, insert, update, delete'
            end,
            named.relation,
            {role_name}
        );
    end loop;
end
$body$
