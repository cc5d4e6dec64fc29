"""What ``backup``, ``backups`` and ``restore`` show: a line a phase, tables, sentences.

Prints and calls the rest of the package; touches no table itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import pipelines, structure
from harness.backup import restoring, store, taking
from harness.backup.restoring import Restore
from harness.backup.store import Backup
from harness.console import Console, counted
from harness.structure import LiveObject

if TYPE_CHECKING:
    from harness.stages import Session

#: More differences than these are counted in a plan, not named.
_NAMED = 40


def plan_backup(session: Session) -> taking.Plan:
    """Print what a backup would copy and where to, and change nothing."""
    plan = taking.preview(session.connection)
    console = session.console
    console.table(
        ("table", "rows", "bytes"), [(t.name, t.rows, t.bytes) for t in plan.tables]
    )
    _say_left_out(console)
    console.note(f"to copy into the schema {plan.schema}, which nobody else may read")
    standing = counted(len(plan.backups), "backup")
    newest = f", the newest {plan.backups[0].backup_id}" if plan.backups else ""
    console.note(f"standing: {standing}{newest}")
    return plan


def run_backup(session: Session, file: str | None = None) -> Backup:
    """Back up the live tables, with an archive in ``file`` if one is named."""
    with _phases(session.console) as begin:
        backup = taking.take(
            session.target,
            session.connection,
            file=Path(file) if file else None,
            on_table=begin,
        )
    session.console.note(
        f"backup {backup.backup_id}: {counted(backup.rows, 'row')} verified by counts, "
        "hashes and a trial restore"
    )
    _say_left_out(session.console)
    if backup.archive:
        session.console.note(
            f"archive {backup.archive}: {backup.archive_bytes:,} bytes,"
            f" SHA-256 {backup.archive_sha256}"
        )
    return backup


def _say_left_out(console: Console) -> None:
    if said := store.left_out():
        console.warn(said)


def backups_as_json(session: Session) -> list[dict[str, Any]]:
    """List the backups that the ledger knows, as ``--json`` prints them."""
    return [
        {
            "backup_id": each.backup_id,
            "taken_at": each.taken_at.isoformat(),
            "operator": each.operator,
            "live_schema": each.live_schema,
            "status": each.status,
            "seconds": each.seconds,
            "rows": each.rows,
            "bytes": each.bytes,
            "tables": {
                table.name: {
                    "rows": table.rows,
                    "bytes": table.bytes,
                    "content_hash": table.content_hash,
                }
                for table in each.tables
            },
            "archive": each.archive,
            "archive_bytes": each.archive_bytes,
            "archive_sha256": each.archive_sha256,
            "counts_for_publishing": reason is None,
            "reason": reason,
        }
        for each, reason in _judged(session)
    ]


def print_backups(session: Session) -> None:
    """Print the backups that the ledger knows, the newest first."""
    judged = _judged(session)
    if not judged:
        session.console.result("no backup was taken yet")
        return
    session.console.table(
        (
            "backup",
            "taken (UTC)",
            "tables",
            "rows",
            "bytes",
            "status",
            "archive",
            "for publishing",
        ),
        [
            (
                each.backup_id,
                f"{each.taken_at:%Y-%m-%d %H:%M:%S}",
                len(each.tables),
                each.rows,
                each.bytes,
                each.status,
                each.archive,
                "counts" if reason is None else f"no: it {reason}",
            )
            for each, reason in judged
        ],
    )


def drop_backup(session: Session, backup_id: str, *, execute: bool) -> None:
    """Remove a backup's copies; without ``execute`` say what that would remove."""
    if execute:
        dropped = store.drop(session.connection, backup_id)
        session.console.result(f"dropped {_held(dropped)}")
        return
    backup = store.find(session.connection, backup_id)
    session.connection.rollback()
    session.console.result(f"would drop {_held(backup)}")
    session.console.note(f"next: ./inv backups --drop {backup_id} --execute")


def plan_restore(session: Session, backup_id: str | None) -> Restore:
    """Print how the live tables differ from a backup, and change nothing."""
    with session.console.step("comparing with the backup"):
        plan = restoring.preview_restore(session.connection, backup_id)
    print_restore(session.console, plan)
    if plan.is_needed:
        chosen = f" --backup {backup_id}" if backup_id else ""
        forced = " --force" if plan.unexplained else ""
        session.console.note(f"next: ./inv restore{chosen} --execute{forced}")
    return plan


def run_restore(
    session: Session, backup_id: str | None, *, force: bool = False
) -> Restore:
    """Bring the live tables back to a backup."""
    with _phases(session.console) as begin:
        done = restoring.restore(
            session.connection, backup_id, force=force, on_step=begin
        )
    print_restore(session.console, done)
    if done.is_done:
        session.console.note("structure and content are those of the backup again")
        session.console.note("next: ./inv status; before a publish, ./inv backup")
    return done


def print_restore(console: Console, plan: Restore) -> None:
    """Print what a restore does, or that there is nothing to do."""
    backup = plan.backup
    console.note(
        f"backup {backup.backup_id} of {backup.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    if not plan.is_needed:
        console.result("nothing differs from the backup; nothing is to be restored")
        return
    console.table(
        ("table", "missing", "changed", "added since", "newer, not ours", "made anew"),
        [
            (
                table.name,
                table.rows.missing,
                table.rows.changed,
                table.rows.added,
                table.rows.unexplained,
                table.is_made_anew,
            )
            for table in plan.tables
        ],
    )
    for difference in plan.differences[:_NAMED]:
        console.result(difference)
    if len(plan.differences) > _NAMED:
        console.result(f"and {len(plan.differences) - _NAMED} more differences")
    if plan.left:
        console.warn(
            f"somebody has built on {', '.join(plan.left)}, which a run made since the "
            "backup: it stays"
        )
    if plan.unexplained and not plan.is_done:
        console.warn(
            f"{counted(plan.unexplained, 'row')} newer than the backup, which no run "
            "published, would be lost; --force says that they may"
        )


def _judged(session: Session) -> list[tuple[Backup, str | None]]:
    connection = session.connection
    judged = []
    live: dict[str, list[LiveObject]] = {}
    for each in store.list_backups(connection):
        with pipelines.working_on(each.pipeline):
            if each.pipeline.name not in live:
                names = store.table_names(connection)
                live[each.pipeline.name] = structure.read(connection, names)
            standing = live[each.pipeline.name]
            judged.append((each, store.why_not(connection, each, standing)))
    connection.rollback()
    return judged


def _held(backup: Backup) -> str:
    held = f"the copies of backup {backup.backup_id}, {counted(backup.rows, 'row')}"
    return f"{held}; its archive {backup.archive} stays" if backup.archive else held


@contextmanager
def _phases(console: Console) -> Iterator[Callable[[str], None]]:
    """Print each phase of a transaction as a step that lasts until the next begins."""
    with ExitStack() as current:

        def begin(name: str) -> None:
            current.close()
            current.enter_context(console.step(name))

        yield begin
