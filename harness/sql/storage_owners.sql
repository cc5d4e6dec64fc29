-- A copy belongs to whoever copied it: its owner is told again. No protocol can say it.
update storage.objects as objects
set owner_id = switching.owner_id
from storage_switching as switching
where
    switching.action = 'switch'
    and objects.bucket_id = {bucket}
    and objects.name = switching.target_name
    and switching.owner_id is not null
    and objects.owner_id is distinct from switching.owner_id
