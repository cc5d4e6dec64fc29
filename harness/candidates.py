"""Decides, before the first write, what publishing does with each row of a mart.

A row is new, published by us already, there by other hands, deleted since, or cannot go
for a stated reason. Writes only temporary tables, one for each mart.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from harness import settings, target
from harness.database import Connection
from harness.live_values import as_live
from harness.published import TABLES, PublishedTable
from harness.queries import query

ACTIONS = ("insert", "published", "present", "removed", "failed")


@dataclass(frozen=True)
class TablePlan:
    """What publishing does with the rows of one mart.

    ``insert`` rows are new; ``published`` ones a run of ours has brought already;
    ``present`` ones stand there with the same content, by other hands; ``removed`` ones
    we published and somebody has deleted since; ``failed`` ones cannot be published,
    for the ``reasons`` counted here.
    """

    name: str
    insert: int
    published: int
    present: int
    removed: int
    failed: int
    reasons: dict[str, int]


def classify(
    connection: Connection, table: PublishedTable, columns: list[str]
) -> TablePlan:
    """Decide what happens to each row of a mart; parents must be decided before.

    Leaves the decisions in the temporary table ``relation(table.name)`` until the
    transaction ends. ``columns`` are those that will be published.
    """
    connection.execute(_candidates(connection, table, columns))
    name = relation(table.name)
    connection.execute(sql.SQL("analyze {}").format(name))
    counts = dict.fromkeys(ACTIONS, 0)
    reasons: dict[str, int] = {}
    for action, reason, count in connection.execute(
        sql.SQL(
            "select action, case when action = 'failed' then reason end, count(*)"
            " from {} group by 1, 2 order by 3 desc, 2"
        ).format(name)
    ).fetchall():
        counts[action] += count
        if reason:
            reasons[reason] = count
    return TablePlan(table.name, **counts, reasons=reasons)


def _candidates(
    connection: Connection, table: PublishedTable, columns: list[str]
) -> sql.Composed:
    live = {c.name: c for c in target.describe(connection, table.name)}
    identical = [
        sql.SQL("present.{0} is not distinct from {1}").format(
            sql.Identifier(column), as_live("mart", live[column])
        )
        for column in columns
    ]
    obstacles = [
        *(_null_obstacle(live[column]) for column in columns),
        *(_length_obstacle(live[column]) for column in columns),
        *(
            _parent_obstacle(column, parent)
            for column, parent in table.references.items()
        ),
        *(_taken_obstacle(table.name, column) for column in table.unique),
    ]
    return query(
        "candidates",
        candidates=relation(table.name),
        table=sql.Identifier(table.name),
        table_name=sql.Literal(table.name),
        is_identical=sql.SQL(" and ").join(identical),
        parents=sql.SQL("\n").join(
            _parent_join(column, parent) for column, parent in table.references.items()
        ),
        obstacles=sql.SQL("\n").join(o for o in obstacles if o is not None),
    )


def _null_obstacle(column: target.Column) -> sql.Composed | None:
    if not column.is_not_null:
        return None
    return sql.SQL("when mart.{} is null then {}").format(
        sql.Identifier(column.name),
        f"{column.name} is null, and the live table needs it",
    )


def _length_obstacle(column: target.Column) -> sql.Composed | None:
    if column.max_length is None:
        return None
    return sql.SQL("when length(mart.{}::text) > {} then {}").format(
        sql.Identifier(column.name),
        column.max_length,
        f"{column.name} is longer than the {column.max_length} characters"
        " of the live column",
    )


def _parent_join(column: str, parent: str) -> sql.Composed:
    """Join the parent: live, or for a table of ours among the candidates too."""
    known = sql.SQL("select id from {}").format(
        sql.Identifier(settings.live_schema(), parent)
    )
    if parent in {table.name for table in TABLES}:
        known += sql.SQL(" union select id from {} where action = 'insert'").format(
            relation(parent)
        )
    return sql.SQL("left join ({}) as {} on mart.{} = {}.id").format(
        known,
        sql.Identifier(f"parent_{column}"),
        sql.Identifier(column),
        sql.Identifier(f"parent_{column}"),
    )


def _parent_obstacle(column: str, parent: str) -> sql.Composed:
    return sql.SQL("when mart.{} is not null and {}.id is null then {}").format(
        sql.Identifier(column),
        sql.Identifier(f"parent_{column}"),
        f"its {column} is not in the live table {parent}",
    )


def _taken_obstacle(table: str, column: str) -> sql.Composed:
    return sql.SQL(
        "when exists (select 1 from {live} as other"
        " where other.{column} = mart.{column} and other.id <> mart.id) then {reason}"
    ).format(
        live=sql.Identifier(settings.live_schema(), table),
        column=sql.Identifier(column),
        reason=f"its {column} already belongs to another live row",
    )


def relation(table: str) -> sql.Identifier:
    """Name the temporary table of the decisions on a mart's rows."""
    return sql.Identifier("pg_temp", f"publish_{table}")
