-- What Supabase's own table knows of the listed objects: type and owner.
update storage_listed as listed
set
    content_type = coalesce(objects.metadata ->> 'mimetype', listed.content_type),
    owner_id = objects.owner_id
from storage.objects as objects
where objects.bucket_id = listed.bucket and objects.name = listed.full_name
