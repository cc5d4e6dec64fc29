-- The name and the SHA-256 of what was loaded.
select dump_name, dump_sha256 from {staging}.loads
