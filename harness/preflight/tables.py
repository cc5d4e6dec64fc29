"""Checks of the live tables: what they are, their columns, keys and triggers.

Reads the catalog, and the rows that a new key would have to hold for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from psycopg import sql

from harness import ledger, linkage, pipelines, publish, settings, target
from harness.constraints import Change
from harness.preflight.context import (
    Context,
    listed,
    live,
    makes_relation,
    not_looked_at,
    quoted,
    rehearsal,
)
from harness.preflight.report import Check
from harness.published import PublishedTable

_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


def live_tables(context: Context) -> Iterator[Check]:
    """See that the application's tables stand, as tables, in the right schema."""
    target.require_tables(context.connection)
    if ledger.exists(context.connection):
        ledger.require_live_schema(context.connection)
    schema = settings.live_schema()
    unfit = [
        f"{table.name} is {_KINDS[table.kind]}"
        for table in context.tables.values()
        if table.kind in _KINDS
    ]
    partitioned = [t.name for t in context.tables.values() if t.kind == "p"]
    if unfit:
        yield Check(
            "live_tables",
            "fail",
            f"in the schema {schema}: {', '.join(unfit)}",
            "Rows are published into tables; name the schema that holds them:\n"
            "export CARRYOVER_LIVE_SCHEMA=NAME",
        )
    elif partitioned:
        yield Check(
            "live_tables",
            "warn",
            f"partitioned: {', '.join(partitioned)}; a key must then hold the "
            "partition's column, so keys on one column may not be possible",
            f"Rehearse on a copy of this database first:\n{rehearsal()}",
        )
    else:
        made = target.rehearsal_tables(context.connection)
        further = ", made for a rehearsal" if made else ""
        if context.coming:
            further += f"; {' and '.join(context.coming)} are made before the publish"
        names = ", ".join(n for n in context.tables if n not in context.coming)
        yield Check("live_tables", "pass", f"{schema}: {names}{further}")


def columns(context: Context) -> Iterator[Check]:
    """See that each column's type holds what comes, and that nothing else is asked."""
    if not context.stand:
        yield not_looked_at("columns")
        return
    faults: list[tuple[str, str]] = []
    absent: list[str] = []
    for table in linkage.tables(context.connection):
        described = target.describe(context.connection, table.live_name)
        faults += _column_faults(table, described)
        there = {column.name for column in described}
        absent += [f"{table.name}.{name}" for name in sorted(table.optional - there)]
    faults += _id_faults(context)
    if pipelines.current() is pipelines.MIGRATION:
        faults += _booking_faults(context)
    if faults:
        yield Check(
            "columns",
            "fail",
            "; ".join(said for said, _ in faults),
            "Check that this is the right database; to make the tables fit:\n"
            + "\n".join(remedy for _, remedy in faults),
        )
        return
    publish.check_target(context.connection)
    left_out = f"; left out, as not there: {', '.join(absent)}" if absent else ""
    yield Check("columns", "pass", f"every column fits{left_out}")


def _booking_faults(context: Context) -> Iterator[tuple[str, str]]:
    """A booking that each live chat needs, and that linkage 'participants' has not."""
    needs_one = any(
        column.name == "booking_id" and column.is_not_null
        for column in target.describe(context.connection, "chats")
    )
    if needs_one and linkage.built(context.connection).by_participants:
        yield (
            "chats.booking_id must not be null, and linkage 'participants' gives none",
            f"alter table {live('chats')} alter column booking_id drop not null;",
        )


def keys(context: Context) -> Iterator[Check]:
    """See which keys and indexes stand, which come, and what stands in their way."""
    if not context.stand:
        yield not_looked_at("keys")
        return
    coming = context.changes
    clashes = [name for (name,) in _name_clashes(context, coming)]
    keyless = _keyless_parents(context, coming)
    if clashes or keyless:
        said = [f"{name} is the name of something else" for name in clashes]
        said += [f"{name}.id has no key to refer to" for name in keyless]
        remedies = [
            f"alter table {live(name)} add primary key (id);" for name in keyless
        ]
        remedy = "Drop or rename what bears the name; give a parent its key:"
        yield Check("keys", "fail", "; ".join(said), "\n".join([remedy, *remedies]))
        return
    unfinished = context.rows(
        "preflight_unfinished_keys",
        names=sql.Literal(list(pipelines.current().written)),
    )
    said_of_coming = _said_of_coming(coming)
    if unfinished:
        yield Check(
            "keys",
            "warn",
            f"{listed([said for said, _ in unfinished])}; {said_of_coming}",
            "They hold for new rows or are not used at all; finish them with:\n"
            + "\n".join(remedy for _, remedy in unfinished),
        )
    else:
        yield Check("keys", "pass", said_of_coming)


def existing_rows(context: Context) -> Iterator[Check]:
    """See that the rows that are there would not break the keys that come."""
    if not context.stand:
        yield not_looked_at("existing_rows")
        return
    faults: list[tuple[str, str]] = []
    for table in linkage.tables(context.connection):
        described = target.describe(context.connection, table.name)
        there = {column.name for column in described}
        added = [change.ddl for change in context.changes if change.table == table.name]
        for column in there.intersection(table.unique):
            if any(f"unique ({quoted(column)})" in ddl for ddl in added):
                faults += _duplicates(context, table.name, column)
        for column, parent in table.all_references.items():
            reference = f"foreign key ({quoted(column)})"
            if column in there and any(reference in ddl for ddl in added):
                faults += _orphans(context, table.name, column, parent)
    if not faults:
        yield Check("existing_rows", "pass", "none breaks a key that stands or comes")
        return
    yield Check(
        "existing_rows",
        "fail",
        "; ".join(said for said, _ in faults),
        "The keys that come cannot hold for these rows; mend or delete them:\n"
        + "\n".join(listing for _, listing in faults),
    )


def triggers(context: Context) -> Iterator[Check]:
    """Name the application's triggers and rules that a publish sets off."""
    if not context.tables:
        yield not_looked_at("triggers")
        return
    written = context.written
    foreign = {
        table.name: [
            trigger
            for trigger in table.triggers
            if (table.name, "trigger", _name_of(trigger)) not in context.ours
        ]
        for table in written
    }
    names = [name for found in foreign.values() for name in found]
    rules = [f"rule {name}" for table in written for name in table.rules]
    if not names and not rules:
        said = "none of the application's fires on insert, update or delete"
        yield Check("triggers", "pass", said)
        return
    remedy = "Read what they do; one that alters rows makes validate fail"
    remedy += ", one that notifies does so for every row. To keep them out:\n"
    remedy += "\n".join(
        f"alter table {live(table.name)} disable trigger user;  -- and, after the "
        "publish, enable trigger user"
        for table in written
        if foreign[table.name]
    )
    said = f"will fire for each row: {listed([*names, *rules])}"
    yield Check("triggers", "warn", said, remedy.rstrip())


def publications(context: Context) -> Iterator[Check]:
    """Name who is sent every row, and see that rows so published can be taken back."""
    if not context.tables:
        yield not_looked_at("publications")
        return
    written = context.written
    stuck = [table.name for table in written if not table.can_be_updated]
    if stuck:
        yield Check(
            "publications",
            "fail",
            f"{', '.join(stuck)} cannot be updated or rolled back: a publication sends "
            "changes and no key names the row",
            "Give each a replica identity:\n"
            + "\n".join(f"alter table {live(n)} replica identity full;" for n in stuck),
        )
        return
    sent = [
        (publication, table.name)
        for table in written
        for publication in table.publications
        if (table.name, "publication", publication) not in context.ours
    ]
    if not sent:
        yield Check("publications", "pass", _said_of_none_sent(context))
        return
    dropping = [
        f"alter publication {quoted(publication)} drop table {live(name)};"
        for publication, name in sent
    ]
    yield Check(
        "publications",
        "warn",
        f"{listed([f'{publication} sends {name}' for publication, name in sent])}: "
        "subscribers see every row that is published",
        "To spare them the rows, take the tables out and add them afterwards:\n"
        + "\n".join(dropping),
    )


def _name_of(trigger: str) -> str:
    """The name in what the catalog says of a trigger: ``table.name (function)``."""
    return trigger.partition(" (")[0].partition(".")[2]


def _said_of_none_sent(context: Context) -> str:
    """What is said when nothing is sent but what an earlier publish let be sent."""
    ours = sorted(table for table, kind, _ in context.ours if kind == "publication")
    if ours:
        return f"supabase_realtime sends {' and '.join(ours)}, as is specified"
    said = "none sends a live table"
    if pipelines.current() is not pipelines.CONSOLIDATION:
        return said
    if any(change.kind == "publication" for change in context.changes):
        return (
            f"{said}; publishing adds the chat tables to supabase_realtime at its end"
        )
    return f"{said}; there is no supabase_realtime that could"


def _column_faults(
    table: PublishedTable, described: Sequence[target.Column]
) -> Iterator[tuple[str, str]]:
    """Every column that is missing, required without a source, or of another type."""
    by_name = {column.name: column for column in described}
    alter = f"alter table {live(table.live_name)}"
    for name, wanted in table.columns.items():
        column = by_name.get(name)
        full_name = f"{table.live_name}.{name}"
        if column is None:
            if name not in table.optional:
                add = f"{alter} add column {quoted(name)} {wanted};"
                yield f"{full_name} is missing", add
        elif column.is_generated:
            if name not in table.optional:
                drop = f"{alter} alter column {quoted(name)} drop expression;"
                yield f"{full_name} is generated and takes no value", drop
        elif not column.fits(wanted):
            change = f"{alter} alter column {quoted(name)} type {wanted};"
            yield f"{full_name} is {column.type_name}, not {wanted}", change
    for column in () if table.extends else described:
        if column.is_required and column.name not in table.columns:
            default = f"{alter} alter column {quoted(column.name)} set default VALUE;"
            yield f"{table.name}.{column.name} needs a value nobody has", default


def _id_faults(context: Context) -> Iterator[tuple[str, str]]:
    for name, id_type, _ in _ids(context):
        if name in pipelines.current().parents and id_type != "uuid":
            said = f"{name}.id is {id_type or 'missing'}, not uuid"
            yield said, f"alter table {live(name)} alter column id type uuid;"


def _ids(context: Context) -> list[tuple[str, str | None, bool]]:
    names = sql.Literal(list(pipelines.current().live_tables))
    return [
        (row[0], row[1], row[2]) for row in context.rows("preflight_ids", names=names)
    ]


def _keyless_parents(context: Context, coming: Sequence[Change]) -> list[str]:
    added = " ".join(change.ddl for change in coming)
    return [
        name
        for name, _, is_key in _ids(context)
        if not is_key and f"references {live(name)}" in added
    ]


def _name_clashes(
    context: Context, coming: Sequence[Change]
) -> Sequence[tuple[object, ...]]:
    named = [each for each in coming if each.kind in ("constraint", "index", "table")]
    return context.rows(
        "preflight_name_clashes",
        tables=sql.Literal([change.table for change in named]),
        names=sql.Literal([change.name for change in named]),
        make_indexes=sql.Literal(list(map(makes_relation, named))),
    )


def _said_of_coming(coming: Sequence[Change]) -> str:
    if not coming:
        return "all that the specification names stand"
    kinds = Counter(change.kind for change in coming)
    keys, indexes = kinds["constraint"], kinds["index"]
    others = kinds.total() - keys - indexes
    further = f", and {others} policies, triggers and the like" if others else ""
    return (
        f"publishing adds {keys} keys and {indexes} indexes{further}: "
        f"{listed([change.name for change in coming])}"
    )


def _duplicates(context: Context, table: str, column: str) -> Iterator[tuple[str, str]]:
    listing = sql.SQL(
        "select {0}, count(*) from {1} where {0} is not null"
        " group by {0} having count(*) > 1"
    ).format(sql.Identifier(column), _live(table))
    count, example = context.row(
        sql.SQL("select count(*), min({}::text) from ({}) as twice").format(
            sql.Identifier(column), listing
        )
    )
    if count:
        said = f"{count:,} {column} stand more than once in {table} (such as {example})"
        yield said, f"{listing.as_string()};"


def _orphans(
    context: Context, table: str, column: str, parent: str
) -> Iterator[tuple[str, str]]:
    listing = sql.SQL(
        "select id, {0} from {1} as child where {0} is not null"
        " and not exists (select from {2} as parent where parent.id = child.{0})"
    ).format(sql.Identifier(column), _live(table), _live(parent))
    if context.is_built and parent in pipelines.current().written:
        # Of the parents some may be among what is published before the key.
        listing += sql.SQL(
            " and not exists (select from {} as coming where coming.id = child.{})"
        ).format(
            sql.Identifier(pipelines.current().marts(), parent), sql.Identifier(column)
        )
    count, examples = context.row(
        sql.SQL(
            "select count(*), (array_agg(id::text order by id))[:3]"
            " from ({}) as orphans"
        ).format(listing)
    )
    if count:
        said = f"the {column} of {count:,} rows of {table} is not in {parent}"
        yield f"{said} (such as {', '.join(examples)})", f"{listing.as_string()};"


def _live(name: str) -> sql.Identifier:
    return sql.Identifier(settings.live_schema(), name)
