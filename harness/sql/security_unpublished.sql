-- Tables of the live schema that a publication, which we may change, does not have.
select named.name
from pg_publication as pub
cross join unnest(%(tables)s::text[]) with ordinality as named (name, position)
where
    pub.pubname = %(publication)s
    and not pub.puballtables
    and pg_has_role(pub.pubowner, 'usage')
    and not exists (
        select
        from pg_publication_tables as member
        where
            member.pubname = pub.pubname
            and member.schemaname = {live_name}
            and member.tablename = named.name
    )
order by named.position
