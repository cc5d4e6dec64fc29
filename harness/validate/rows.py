"""Compares the rows of one live table with those that the derivation expects."""

from __future__ import annotations

from psycopg import sql

from harness import candidates, hashing, ledger, row_state, settings, target
from harness.database import Connection
from harness.live_values import as_live, is_same
from harness.published import PublishedTable
from harness.queries import query
from harness.storage import standing
from harness.validate.definition import Definition
from harness.validate.listing import expected, findings
from harness.validate.outcome import FINDINGS, Rules, Scope


def compare(
    connection: Connection,
    rules: Rules,
    table: PublishedTable,
    scope: Scope,
    definition: Definition,
) -> None:
    """Find every row of a table that is not as expected, in a temporary table."""
    live = {c.name: c for c in target.describe(connection, table.live_name)}
    compared = [c for c in definition.columns[table.name] if c.name != "id"]
    is_switched = standing.stands(connection, table.live_name)
    connection.execute(
        query(
            "compare_rows",
            **{
                **candidates.relations(table),
                "target": definition.relation(table.live_name),
            },
            findings=findings(table.name),
            expected=expected(table.name),
            run_id=sql.Literal(scope.run_id),
            differing_columns=sql.SQL(", ").join(
                _differing(table, column, is_switched) for column in compared
            ),
            # Existing rows are looked at by themselves, whoever extended them.
            was_published=sql.Literal(
                scope.published_at is not None and not table.extends
            ),
            is_within=rules.is_within(table),
            is_landed=rules.is_landed(table),
            content_hash=_left_hash(connection, scope.run_id, table, set(live)),
            is_unchanged=row_state.is_unchanged(connection, table, "live"),
            in_use=sql.Literal(scope.in_use),
            is_id_unique=sql.Literal(_is_id_unique(connection, table)),
            orphans=_orphans(table, set(live), definition),
        )
    )
    connection.execute(sql.SQL("analyze {}").format(findings(table.name)))


def _is_id_unique(connection: Connection, table: PublishedTable) -> bool:
    """Whether no id can be in a live table twice, so that none has to be counted."""
    name = sql.Identifier(settings.live_schema(), table.live_name)
    row = connection.execute(
        query("has_unique_id"), {"table": name.as_string(connection)}
    ).fetchone()
    return bool(row and row[0]) or table.extends


def counts(connection: Connection, table: PublishedTable) -> dict[str, int]:
    """Count what was found of a table, by kind."""
    found = dict.fromkeys(FINDINGS, 0)
    for finding, count in connection.execute(
        sql.SQL("select finding, count(*) from {} group by 1").format(
            findings(table.name)
        )
    ).fetchall():
        found[finding] = count
    return found


def sentence(connection: Connection, table: str, finding: str, count: int) -> str:
    """Say how many rows of a table are found so, with an example."""
    row = connection.execute(
        sql.SQL(
            "select id, columns from {} where finding = %s order by id limit 1"
        ).format(findings(table)),
        [finding],
    ).fetchone()
    example, columns = row if row else (None, None)
    where = f" in {', '.join(columns)}" if columns else ""
    rows = "row" if count == 1 else "rows"
    return f"{count:,} {finding} {rows} of {table} (such as {example}{where})"


def _differing(
    table: PublishedTable, column: target.Column, is_switched: bool
) -> sql.Composed:
    """Compose the column's name where the live value is not the one expected.

    The time that an existing row was brought forward to may have grown since, and a
    file's reference is as it was before a switch of storage.
    """
    live = standing.as_before(
        "live", table.live_name, column.name, column.type_name, stands=is_switched
    )
    if table.extends:
        value = as_live("expected", column)
        is_apart = sql.SQL("coalesce({0} < {1}, {1} is not null)").format(live, value)
    else:
        is_apart = sql.SQL("not ({})").format(is_same("expected", column, live))
    return sql.SQL("case when {} then {} end").format(is_apart, column.name)


def _left_hash(
    connection: Connection, run_id: str, table: PublishedTable, live: set[str]
) -> sql.Composable:
    """Compose the hash of a live row as the run's publish took it of what it left."""
    detail = ledger.step_detail(connection, run_id, "publish") or {}
    hashed = detail.get("hashed_columns", {}).get(table.name)
    if not hashed or not set(hashed) <= live:
        return sql.SQL("null::text")
    return hashing.content_hash("live", hashed)


def _orphans(
    table: PublishedTable, live: set[str], definition: Definition
) -> sql.Composed:
    """Compose the references of a live row whose parent is missing."""
    references = {
        column: parent
        for column, parent in table.all_references.items()
        if column in live or column in table.references
    }
    if not references:
        return sql.SQL("select null::text as reference where false").format()
    return sql.SQL(" union all ").join(
        sql.SQL(
            "select {reference}::text as reference where live.{column} is not null"
            " and not exists"
            " (select 1 from {parent} as parent where parent.id = live.{column})"
        ).format(
            reference=sql.Literal(column),
            column=sql.Identifier(column),
            parent=definition.relation(parent),
        )
        for column, parent in references.items()
    )
