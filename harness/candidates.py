"""Decides, before the first write, what publishing does with each row of a mart.

Compares three states of a row: what the source said when a run of ours published it,
what the source says now, and what stands in the live table. Whatever could make the
database refuse a row is looked for here, set-wise, so that a row that cannot go has its
reason. Writes only temporary tables, one for each mart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from harness import pipelines, row_state, settings, target
from harness.database import Connection
from harness.live_values import as_live, is_same
from harness.published import PublishedTable
from harness.queries import query

#: What becomes of a row, as the decisions' tables and the ledger name it.
ACTIONS = (
    "insert",
    "update",
    "identical",
    "changed live",
    "conflict",
    "removed",
    "gone",
    "present",
    "failed",
)

#: What is named by its id in a plan, and how many of each at most.
NAMED = ("update", "changed live", "conflict", "removed", "gone", "failed")
LISTED = 10


@dataclass(frozen=True)
class TablePlan:
    """What publishing does with the rows of one mart.

    - ``insert``: new, and will be inserted.
    - ``update``: changed at the source, and live as we published it: will be updated.
    - ``identical``: published by us, and there is nothing to do.
    - ``changed_live``: changed by users since, not at the source: left.
    - ``conflict``: changed by users and, differently, at the source: left.
    - ``removed``: published by us and deleted since: stays deleted.
    - ``gone``: published by us, and the source carries it no more: left.
    - ``present``: stands there with the same content, by other hands.
    - ``failed``: cannot be published, for the ``reasons`` counted here.

    ``listed`` names up to ``LISTED`` rows of each that is neither new nor identical.
    """

    name: str
    counts: Mapping[str, int]
    reasons: Mapping[str, int] = field(default_factory=dict)
    listed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def insert(self) -> int:
        """Rows that are new."""
        return self.counts["insert"]

    @property
    def update(self) -> int:
        """Rows that changed at the source."""
        return self.counts["update"]

    @property
    def failed(self) -> int:
        """Rows that cannot be published."""
        return self.counts["failed"]

    @property
    def left(self) -> int:
        """Rows of earlier runs that are not as the source has them, and are left."""
        return sum(
            self.counts[action]
            for action in ("changed live", "conflict", "removed", "gone")
        )


def classify(
    connection: Connection, table: PublishedTable, columns: list[str]
) -> TablePlan:
    """Decide what happens to each row of a mart; parents must be decided before.

    Leaves the decisions in the temporary table ``relation(table.name)`` until the
    transaction ends. ``columns`` are those that will be published;
    ``hashing.fix_session`` must have been called.
    """
    compose = _extensions if table.extends else _candidates
    connection.execute(compose(connection, table, columns))
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
    listed = {
        action: _listed(connection, name, action) for action in NAMED if counts[action]
    }
    return TablePlan(table.name, counts, reasons, listed)


def _listed(
    connection: Connection, decisions: sql.Composable, action: str
) -> tuple[str, ...]:
    rows = connection.execute(
        sql.SQL(
            "select id::text from {} where action = %s order by id limit %s"
        ).format(decisions),
        [action, LISTED],
    ).fetchall()
    return tuple(row[0] for row in rows)


def _candidates(
    connection: Connection, table: PublishedTable, columns: list[str]
) -> sql.Composed:
    live = {c.name: c for c in target.describe(connection, table.live_name)}
    keys = _unique_keys(connection, table, columns)
    obstacles = [
        *(_null_obstacle(live[column]) for column in columns),
        *(_length_obstacle(live[column]) for column in columns),
        *(_value_obstacle(live[column]) for column in columns),
        *(_range_obstacle(live[column], table.columns[column]) for column in columns),
        *(
            _parent_obstacle(column, parent)
            for column, parent in table.references.items()
        ),
        *map(_key_obstacles, keys),
        *_check_obstacles(connection, table.live_name, live, columns),
    ]
    return query(
        "candidates",
        candidates=relation(table.name),
        **relations(table),
        is_identical=sql.SQL(" and ").join(
            is_same("mart", live[column], "present") for column in columns
        ),
        is_unchanged=row_state.is_unchanged(connection, table, "present"),
        source_hash=row_state.mart_hash(connection, table, live),
        joins=sql.SQL("\n").join(
            [
                *(_parent_join(*reference) for reference in table.references.items()),
                *(_key_joins(table.name, key) for key in keys),
            ]
        ),
        obstacles=sql.SQL("\n").join(o for o in obstacles if o is not None),
    )


def _extensions(
    connection: Connection, table: PublishedTable, columns: list[str]
) -> sql.Composed:
    live = {c.name: c for c in target.describe(connection, table.live_name)}
    column = live[table.extended_column]
    connection.execute(
        query(
            "extensions",
            **relations(table),
            extending=sql.Identifier(pipelines.current().marts(), table.name),
            inserting=sql.Identifier(pipelines.current().marts(), table.live_name),
            decided=relation(table.live_name),
            column=sql.Identifier(column.name),
        )
    )
    return query(
        "candidates_extensions",
        candidates=relation(table.name),
        **relations(table),
        column=sql.Identifier(column.name),
        value=as_live("mart", column),
    )


def relations(table: PublishedTable) -> dict[str, sql.Composable]:
    """Name the mart, the live table and the ledger's word for both, as queries do.

    Of a mart that extends, what it brings forward is put together for each publish.
    """
    return {
        "mart": sql.Identifier("pg_temp", f"source_{table.name}")
        if table.extends
        else sql.Identifier(pipelines.current().marts(), table.name),
        "target": sql.Identifier(settings.live_schema(), table.live_name),
        "table_name": sql.Literal(table.name),
    }


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


def _value_obstacle(column: target.Column) -> sql.Composed | None:
    """A value that the live column's enumeration does not have."""
    if not column.is_enum:
        return None
    return sql.SQL(
        "when mart.{name} is not null and mart.{name}::text"
        " <> all (enum_range(null::{type})::text[]) then {reason}"
    ).format(
        name=sql.Identifier(column.name),
        type=sql.SQL(column.type_name),
        reason=f"its {column.name} is none of the live type {column.type_name}",
    )


def _range_obstacle(column: target.Column, kind: str) -> sql.Composed | None:
    """A number that the live column's narrower type does not hold."""
    if kind != "bigint" or column.type_name != "integer":
        return None
    return sql.SQL(
        "when mart.{} not between -2147483648 and 2147483647 then {}"
    ).format(
        sql.Identifier(column.name),
        f"its {column.name} is beyond the live type {column.type_name}",
    )


def _parent_join(column: str, parent: str) -> sql.Composed:
    """Join the parent: live, or for a table of ours among the candidates too."""
    known = sql.SQL("select id from {}").format(
        sql.Identifier(settings.live_schema(), parent)
    )
    if parent in {table.name for table in pipelines.current().tables}:
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


def _unique_keys(
    connection: Connection, table: PublishedTable, columns: Sequence[str]
) -> list[tuple[str, ...]]:
    """The keys that no two rows may share: ours, and those of the live table."""
    keys: set[tuple[str, ...]] = {(column,) for column in table.unique}
    if table.unique_together:
        keys.add(table.unique_together)
    for kind, name, key, _ in connection.execute(query("live_keys")).fetchall():
        if kind == "unique" and name == table.live_name and key:
            keys.add(tuple(key.split(",")))
    return sorted(key for key in keys if set(key) <= set(columns) and key != ("id",))


def _key_joins(table: str, key: tuple[str, ...]) -> sql.Composed:
    """Join the live rows with the same key, and the mart's first row that has it."""
    join = sql.SQL(
        "left join (select {columns}, count(*) as holders,"
        " (array_agg(id{order}))[1] as id from {relation} group by {columns})"
        " as {alias} on {match}"
    )
    joins = [
        join.format(
            columns=sql.SQL(", ").join(map(sql.Identifier, key)),
            order=sql.SQL(order),
            relation=sql.Identifier(schema, table),
            alias=alias,
            match=sql.SQL(" and ").join(
                sql.SQL("mart.{0} = {1}.{0}").format(sql.Identifier(column), alias)
                for column in key
            ),
        )
        for schema, order, alias in (
            (settings.live_schema(), "", _holder(key)),
            (pipelines.current().marts(), " order by created_at, id", _first(key)),
        )
    ]
    return sql.SQL("\n").join(joins)


def _key_obstacles(key: tuple[str, ...]) -> sql.Composed:
    """A key that another live row has, or an earlier row of the mart."""
    named = key[0] if len(key) == 1 else f"pair of {' and '.join(key)}"
    return sql.SQL(
        "when {holder}.holders > 1 or {holder}.id <> mart.id then {taken}\n"
        "when {first}.id <> mart.id then {twice}"
    ).format(
        holder=_holder(key),
        first=_first(key),
        taken=f"its {named} already belongs to another live row",
        twice=f"its {named} belongs to an earlier row of this run",
    )


def _holder(key: tuple[str, ...]) -> sql.Identifier:
    return sql.Identifier("holder_of_" + "_".join(key))


def _first(key: tuple[str, ...]) -> sql.Identifier:
    return sql.Identifier("first_of_" + "_".join(key))


def _check_obstacles(
    connection: Connection,
    table: str,
    live: Mapping[str, target.Column],
    columns: Sequence[str],
) -> list[sql.Composed]:
    """The check constraints of the live table that a row would break.

    They name columns without a table: an inner query gives them the row as it would
    stand. What the mart has no value for is null there, which breaks no check.
    """
    row = sql.SQL(", ").join(
        sql.SQL("{} as {}").format(
            as_live("mart", column)
            if column.name in columns and not column.is_enum
            else sql.SQL("null::{}").format(sql.SQL(column.type_name)),
            sql.Identifier(column.name),
        )
        for column in live.values()
    )
    checks = connection.execute(
        query("live_checks"), {"table": f'"{settings.live_schema()}"."{table}"'}
    ).fetchall()
    return [
        sql.SQL(
            "when (select not ({check}) from (select {row}) as checked) then {reason}"
        ).format(
            check=sql.SQL(expression),
            row=row,
            reason=f"the check {name} of the live table does not hold",
        )
        for name, expression in checks
    ]


def relation(table: str) -> sql.Identifier:
    """Name the temporary table of the decisions on a mart's rows."""
    return sql.Identifier("pg_temp", f"publish_{table}")
