-- An application's tables with everything that a table can have, and what is built on
-- them. The current user owns all of it.
create type media_kind as enum ('chat_image', 'other');
create domain short_text as text check (length(value) < 200);
create collation of_ours from "C";
create function stamp() returns trigger language plpgsql as
$$ begin new.updated_at := now(); return new; end $$;
create function shout() returns trigger language plpgsql as
$$ begin new.content := new.content || '!'; return new; end $$;
create function nothing() returns trigger language plpgsql as
$$ begin return null; end $$;

create table profiles (id uuid primary key, name text);
create table bookings (id uuid primary key, status text);

create table chats (
    id uuid primary key,
    booking_id uuid not null constraint chats_booking_key unique deferrable,
    title varchar(40) collate "C" default 'none',
    nick text collate of_ours,
    archived boolean not null default false,
    "Odd Name" numeric(8, 2),
    label text generated always as ('chat ' || archived::text) stored,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint one_live exclude using btree (booking_id with =) where (archived),
    constraint titled check (title <> '')
) with (fillfactor = 80, toast.autovacuum_enabled = false);
alter table chats add constraint old_times check (created_at > '2000-01-01') not valid;
alter table chats add foreign key (booking_id) references bookings on delete restrict;
create table chat_messages (
    id uuid primary key,
    number serial,
    chat_id uuid not null references chats on delete cascade,
    sender_id uuid references profiles deferrable initially deferred,
    content text not null,
    note short_text,
    is_read boolean not null default false,
    weight double precision default 0.1,
    created_at timestamptz not null default now()
);
create sequence shared_numbers start with 100 increment by 5 cache 3 cycle maxvalue 900;
create table media (
    id uuid primary key,
    place bigint generated always as identity (start with 7 increment by 2),
    shared int default nextval('shared_numbers'),
    chat_message_id uuid references chat_messages,
    media_type media_kind not null default 'other',
    tags text[],
    details jsonb,
    file_path text not null
);

alter table chat_messages alter content set storage external;
alter table chat_messages alter content set compression pglz;
alter table chat_messages alter chat_id set statistics 250;
alter table chat_messages alter sender_id set (n_distinct = -0.5);
alter index chat_messages_pkey set (fillfactor = 70);
create unique index one_unread on chat_messages (chat_id, (lower(content)))
where not is_read;
alter index one_unread alter column 2 set statistics 500;
create index by_time on chats using brin (created_at) with (pages_per_range = 4);
create index by_path on media (file_path text_pattern_ops desc) include (media_type);
alter table media cluster on by_path;
create unique index media_place on media (place);
alter table media replica identity using index media_place;
alter table chat_messages replica identity full;
create statistics chat_habits (dependencies) on booking_id, created_at from chats;
alter statistics chat_habits set statistics 300;

create trigger stamped before insert or update on chats
for each row execute function stamp();
create trigger shouted before insert or update of content on chat_messages
for each row when (new.content is not null) execute function shout();
alter table chat_messages enable always trigger shouted;
create trigger counted after insert on chat_messages
referencing new table as added for each statement execute function nothing();
alter table chat_messages disable trigger counted;
create constraint trigger checked after insert on media deferrable initially deferred
for each row execute function nothing();
create rule told as on update to media do also notify media_changed;

alter table chats enable row level security;
create policy readers_see on chats as permissive for select to backup_reader
using (not archived);
create policy nobody_archives on chats as restrictive for update to public
using (true) with check (not archived);
alter table chat_messages enable row level security;
create policy of_seen_chats on chat_messages for all to backup_reader, backup_writer
using (exists (select 1 from chats where chats.id = chat_id and not chats.archived));
create policy of_chats on bookings to backup_reader
using (exists (select 1 from chats where chats.booking_id = bookings.id));

grant select, insert on chats to backup_writer with grant option;
grant select on chats to backup_reader;
revoke truncate on chats from current_user;
grant select (id, content), update (is_read) on chat_messages to backup_reader;
grant all on media to public;
grant usage on sequence chat_messages_number_seq to backup_writer;

create table reactions (
    id int primary key,
    message_id uuid references chat_messages on delete cascade,
    kind text
);
create function age_of(chats) returns interval language sql stable as
'select now() - $1.created_at';
create function may_be_seen(chats) returns boolean language sql stable as
'select not $1.archived';
create policy seen_by_writers on chats for select to backup_writer
using (may_be_seen(chats.*));
alter table chats add constraint judged check (may_be_seen(chats.*) or true);
comment on function age_of(chats) is 'its age';
revoke all on function age_of(chats) from public;
grant execute on function age_of(chats) to backup_reader;
create view live_chats with (security_invoker = true, check_option = local) as
select id, booking_id, title from chats where not archived;
comment on view live_chats is 'not archived';
comment on column live_chats.title is 'what it is called';
grant select on live_chats to backup_reader;
create view titled_chats as select title, count(*) from live_chats group by title;
create materialized view chat_counts as
select chat_id, count(*) as messages from chat_messages group by chat_id;
create unique index on chat_counts (chat_id);
create schema reporting;
create view reporting.messages as select m.content, c.title from chat_messages as m
inner join live_chats as c on m.chat_id = c.id;
create view reporting.aged as select age_of(c.*) as age from chats as c;

comment on table chats is 'one row per chat; it''s ours';
comment on column chats."Odd Name" is 'odd';
comment on constraint titled on chats is 'no empty titles';
comment on index by_time is 'for the night';
comment on trigger stamped on chats is 'sets updated_at';
comment on policy readers_see on chats is 'live ones';
comment on sequence chat_messages_number_seq is 'numbers';
comment on statistics chat_habits is 'habits';
comment on rule told on media is 'tells';
create publication live_feed for table chats, chat_messages (id, content)
where (content <> '') with (publish = 'insert');

insert into profiles values ('aaaaaaaa-0000-4000-8000-000000000001', 'A');
insert into bookings select
    ('dddddddd-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'open'
from generate_series(1, 6) as n;
insert into chats (id, booking_id, title, nick, "Odd Name", created_at)
select
    ('cccccccc-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    ('dddddddd-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    'chat ' || n, 'nick', n / 3.0, '2024-01-01'
from generate_series(1, 5) as n;
insert into chat_messages (id, chat_id, sender_id, content, note, weight, created_at)
select
    ('eeeeeeee-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    ('cccccccc-0000-4000-8000-' || lpad((n % 5 + 1)::text, 12, '0'))::uuid,
    'aaaaaaaa-0000-4000-8000-000000000001',
    E'said "it''s\\ ' || n || E',\n(ü)', nullif('note', 'note'), n / 7.0, '2024-01-02'
from generate_series(1, 40) as n;
insert into media (id, chat_message_id, media_type, tags, details, file_path)
select
    ('ffffffff-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    ('eeeeeeee-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    'chat_image', array['a', null, '"'], '{"n": 1.0}', '/chats/' || n
from generate_series(1, 7) as n;
insert into reactions values (1, 'eeeeeeee-0000-4000-8000-000000000003', 'like');
select nextval('chat_messages_number_seq');
refresh materialized view chat_counts;
