-- Which message has a voice note's recording, where it is not called like the note.
-- Only the views and their triggers use it.
create table {archive}.carried_notes (
    voice_note_id uuid primary key,
    message_id uuid not null,
    is_own boolean not null,
    session_id uuid not null,
    sender_id uuid not null
);
create index carried_notes_message_id on {archive}.carried_notes (message_id);
comment on table {archive}.carried_notes is
    'One row per voice note whose message has another id: its own, or one it joined.';

insert into {archive}.carried_notes
select
    found.voice_note_id,
    found.message_id,
    found.is_own,
    message.session_id,
    message.sender_id
from (
    select
        source_id as voice_note_id,
        id as message_id,
        true as is_own
    from {consolidated}.chat_messages
    where origin = 'voice_notes' and id <> source_id

    union all

    select
        source_id,
        kept_message_id,
        false
    from {consolidated}.merged_legacy_rows
    where origin = 'voice_notes'
) as found
inner join {live}.chat_messages as message on found.message_id = message.id;
analyze {archive}.carried_notes;
