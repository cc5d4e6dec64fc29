-- Carries edits of legacy voice notes as an update through their view does.
update {live}.chat_messages as message
set {changes}
from {private}.legacy_voice_notes as new
inner join {staging}.legacy_voice_notes as old on new.id = old.id
cross join lateral {private}.message_of_note(new.id) as carried
where message.id = carried.message_id and new.id = any(%(ids)s::uuid [])
