-- The rows of a legacy table that came, and that went, since it was landed.
select
    (
        select count(*)
        from {legacy} as present
        where
            not exists (
                select 1 from {landing} as landed
                where landed.id = present.id::text::uuid
            )
    ) as added,
    (
        select count(*)
        from {landing} as landed
        where
            not exists (
                select 1 from {legacy} as present
                where landed.id = present.id::text::uuid
            )
    ) as removed
