-- The policies as the consolidation plan has them, in place of ours.
drop policy if exists chat_sessions_select on {live}.chat_sessions;
drop policy if exists chat_messages_select on {live}.chat_messages;
create policy "chat_sessions_participants_only" on {live}.chat_sessions
for select using (
    auth.uid() = any(participants)
    or exists (
        select 1 from {live}.profiles
        where id = auth.uid() and role in ('admin', 'super_admin')
    )
);
create policy "chat_messages_session_participants" on {live}.chat_messages
for select using (
    exists (
        select 1 from {live}.chat_sessions as cs
        where
            cs.id = session_id
            and (
                auth.uid() = any(cs.participants)
                or exists (
                    select 1 from {live}.profiles
                    where id = auth.uid() and role in ('admin', 'super_admin')
                )
            )
    )
)
