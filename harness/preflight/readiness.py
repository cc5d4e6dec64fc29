"""Checks of what is to be published: landed, built, audited, and row by row.

The rows are classified as publishing does it, in temporary tables that are taken back
with the transaction.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from psycopg import sql

from harness import candidates, hashing, ledger, linkage, pipelines, publish, settings
from harness.errors import Refused
from harness.landed import require_landed
from harness.preflight.context import (
    Context,
    command,
    live,
    mart,
    not_looked_at,
    rejected_rows,
)
from harness.preflight.report import Check, Status, explained
from harness.target import TargetDoesNotFit
from harness.variables import thresholds

NOT_LANDED = "nothing is landed yet"
NOT_BUILT = "the marts are not built yet"

_ID_TAKEN = "ids_taken"
_BOOKING_TAKEN = "bookings_taken"
_NO_PARENT = "parents_missing"
_OTHER = "values_refused"

_PASSED = {
    _ID_TAKEN: "no id belongs to a live row with other content",
    _BOOKING_TAKEN: "no booking has another chat",
    _NO_PARENT: "every booking, chat and person is there",
    _OTHER: "the live tables take every other value",
}
#: The consolidation gives a booking that has a session no other.
_PASSED_CONSOLIDATION = {
    _ID_TAKEN: _PASSED[_ID_TAKEN],
    _NO_PARENT: "every booking, session and person is there",
    _OTHER: _PASSED[_OTHER],
}


def landed(context: Context) -> Iterator[Check]:
    """Say which run is landed, and see that the models can read it."""
    run = context.run
    if run is None:
        remedy = f"Load the source, then look again:\n{command('load')}"
        yield Check("landed", "warn", NOT_LANDED, remedy)
        return
    if _of_migration():
        require_landed(context.connection)
    yield Check("landed", "pass", f"run {run.run_id} of {run.operator}, {run.status}")


def audits(context: Context) -> Iterator[Check]:
    """See that the marts are the landed run's and passed every audit."""
    if context.run is None:
        yield not_looked_at("audits", NOT_LANDED)
        return
    try:
        publish.require_audited(context.connection, context.run.run_id)
    except Refused as error:
        said, _ = explained(error)
        task = "audit.landing" if "landing checkpoint" in said else "build"
        remedy = f"Mend the cause, if there is one, then:\n{command(task)}"
        yield Check("audits", "fail", said, remedy)
        return
    yield Check("audits", "pass", "the marts are the landed run's and passed them all")


def rows(context: Context) -> Iterator[Check]:
    """Decide what publishing would do with each row, and count those that cannot go."""
    if not context.stand or not context.is_built:
        why = NOT_BUILT if context.run else NOT_LANDED
        if not context.stand:
            why = "the live tables do not all stand"
        yield from _rows_not_looked_at(why)
        return
    try:
        plans = _classified(context)
    except TargetDoesNotFit:
        yield from _rows_not_looked_at("a live column does not fit")
        return
    context.writes = sum(plan.insert + plan.update for plan in plans)
    yield _to_write(plans)
    at_work = pipelines.current()
    read, rejected = context.rows(f"error_counts_{at_work.name}")[0]
    failed = sum(plan.failed for plan in plans if plan.name in at_work.counted)
    limit = thresholds().max_error_rate
    is_over = bool(read) and (rejected + failed) / read > limit
    found = _by_kind(plans)
    for name in _kinds():
        yield _refused_rows(name, found.get(name, {}), "fail" if is_over else "warn")
    yield _error_rate(read, rejected, failed, limit, is_over=is_over)


def _error_rate(
    read: int, rejected: int, failed: int, limit: float, *, is_over: bool
) -> Check:
    rate = (rejected + failed) / read if read else 0.0
    # Landing legacy tables rejects nothing: it is refused as a whole.
    of_loading = f"{rejected:,} rejected while loading, " if _of_migration() else ""
    said = (
        f"{rejected + failed:,} of {read:,} rows ({rate:.1%}) would be lost to errors: "
        f"{of_loading}{failed:,} cannot be published"
    )
    if not is_over:
        return Check("error_rate", "pass", f"{said}; up to {limit:.0%} may")
    remedy = "Mend what the other lines name, or raise max_error_rate in "
    remedy += "dbt_project.yml"
    if _of_migration():
        remedy += f"; rejected rows are in:\nselect * from {rejected_rows()};"
    return Check("error_rate", "fail", f"{said}; more than {limit:.0%}", remedy)


def backup(context: Context) -> Iterator[Check]:
    """See that a verified backup of the live tables stands."""
    if not context.needs_backup:
        yield Check("backup", "pass", "taken by this command before it writes")
        return
    if context.writes == 0:
        yield Check("backup", "pass", "not needed: there is nothing to write")
        return
    if not context.stand:
        yield not_looked_at("backup")
        return
    try:
        module = importlib.import_module("harness.backup")
    except ModuleNotFoundError:
        yield not_looked_at("backup", "this Carryover takes no backups")
        return
    ledger.ensure(context.connection)
    try:
        found = module.require_verified(context.connection)
    except Refused as error:
        said, _ = explained(error)
        # Before anything can be written a backup would only grow old.
        status: Status = "warn" if context.writes is None else "fail"
        remedy = "Take one when the application is quiet:\n"
        remedy += f"{command('backup')} --execute"
        yield Check("backup", status, said, remedy)
        return
    yield Check("backup", "pass", f"{found.backup_id} is verified and newest")


def _rows_not_looked_at(why: str) -> Iterator[Check]:
    for name in ("rows_to_write", *_kinds(), "error_rate"):
        yield not_looked_at(name, why)


def _of_migration() -> bool:
    return pipelines.current() is pipelines.MIGRATION


def _kinds() -> Mapping[str, str]:
    """The lines for rows that cannot go, and what each says when there is none."""
    return _PASSED if _of_migration() else _PASSED_CONSOLIDATION


def _classified(context: Context) -> list[candidates.TablePlan]:
    """Classify every row, parents first, as publishing will."""
    connection = context.connection
    hashing.fix_session(connection)
    # The ledger of this version, which a first run has not made yet.
    ledger.ensure(connection)
    columns = publish.check_target(connection)
    return [
        candidates.classify(connection, table, columns[table.name])
        for table in linkage.tables(connection)
    ]


def _to_write(plans: list[candidates.TablePlan]) -> Check:
    counts: dict[str, int] = {}
    for plan in plans:
        for action, count in plan.counts.items():
            counts[action] = counts.get(action, 0) + count
    said = ", ".join(f"{count:,} {action}" for action, count in counts.items() if count)
    left = sum(plan.left for plan in plans)
    if left:
        return Check(
            "rows_to_write",
            "warn",
            f"{said}; {left:,} rows of earlier runs are not as the source has them",
            "They are left as they are, because users changed or deleted them, or the "
            f"source carries them no more. See the plan:\n{command('publish')}",
        )
    return Check("rows_to_write", "pass", said or "none: the marts are empty")


def _by_kind(
    plans: list[candidates.TablePlan],
) -> dict[str, dict[tuple[str, str], int]]:
    """Sort the reasons of rows that fail under the checks that name them."""
    found: dict[str, dict[tuple[str, str], int]] = {}
    for plan in plans:
        for reason, count in plan.reasons.items():
            of_kind = found.setdefault(_kind(plan.name, reason), {})
            of_kind[plan.name, reason] = count
    return found


def _kind(table: str, reason: str) -> str:
    if reason.startswith("its id "):
        return _ID_TAKEN
    if table == "chats" and reason.startswith("its booking_id already belongs"):
        return _BOOKING_TAKEN
    if "is not in the live table" in reason:
        return _NO_PARENT
    return _OTHER


def _refused_rows(
    name: str, found: Mapping[tuple[str, str], int], status: Status
) -> Check:
    if not found:
        return Check(name, "pass", _kinds()[name])
    said = "; ".join(
        f"{count:,} rows of {table}: {reason}"
        for (table, reason), count in found.items()
    )
    return Check(name, status, said, _remedy(name))


def _remedy(name: str) -> str:
    """How to see the rows that cannot go; they are left out and listed otherwise."""
    if name == _ID_TAKEN:
        first = pipelines.current().tables[0].name
        return (
            f"Left out and listed in {_failed_rows()}. To see the {first}:\n"
            f"select live.* from {live(first)} as live"
            f" join {mart(first)} as mart using (id);"
        )
    if name == _BOOKING_TAKEN:
        return (
            "Left out with their messages. To see the chats that have the bookings:\n"
            f"select live.* from {live('chats')} as live join {mart('chats')} as mart "
            "using (booking_id) where live.id <> mart.id;"
        )
    if name == _NO_PARENT:
        remedy = "Bring the missing rows, as earlier phases should have; they are:"
        return "\n".join([remedy, *_parentless()])
    return (
        f"Left out and listed in {_failed_rows()}. Make the live column or "
        f"its check take them, and see the plan:\n{command('publish')}"
    )


def _failed_rows() -> str:
    if _of_migration():
        return "failed-chats-creation.json"
    return f"{settings.ledger_schema()}.failed_rows"


def _parentless() -> Iterator[str]:
    """The SQL that lists the rows whose parents earlier phases should have brought."""
    for table in pipelines.current().tables:
        for column, parent in table.references.items():
            if parent in pipelines.current().parents:
                listing = sql.SQL(
                    "select id, {0} from {1} where {0} not in (select id from {2});"
                ).format(
                    sql.Identifier(column),
                    sql.Identifier(pipelines.current().marts(), table.name),
                    sql.Identifier(settings.live_schema(), parent),
                )
                yield listing.as_string()
