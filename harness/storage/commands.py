"""The tasks of storage: each opens its stores, works, reports, and enters the ledger.

``tasks.py`` calls these. What a task works on is what the newest plan says, so that
sources and target are named once, to ``storage.plan``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from harness import ledger
from harness.console import Console, counted
from harness.database import committed
from harness.errors import CheckFailed
from harness.queries import query
from harness.stages import Session
from harness.storage import (
    access,
    copying,
    mapping,
    planning,
    removing,
    switching,
    verifying,
)
from harness.storage.referring import Referring
from harness.storage.referring import referring as find_referring
from harness.storage.stores import Store
from harness.storage.work import (
    Work,
    finish,
    open_sources,
    open_target,
    opened,
    prepare,
    print_json,
    session_of,
    undo_target,
)

#: How many failures are printed; all of them are in the mapping log.
_NAMED = 10


def plan(
    sources: Sequence[str], target: str | None, pipeline: str | None, *, as_json: bool
) -> None:
    """Match every object of the sources with its messages, and enter the mapping."""
    referring = find_referring(pipeline)
    to = open_target(target)
    opened_sources, skipped = open_sources(sources, referring)
    with session_of(
        "storage.plan", referring, execute=True, as_json=as_json
    ) as session:
        _plan(session, referring, opened_sources, to, skipped, as_json=as_json)


def _plan(
    session: Session,
    referring: Referring,
    sources: Sequence[Store],
    target: Store,
    skipped: Sequence[str],
    *,
    as_json: bool,
) -> None:
    console = session.console
    with console.step("listing and matching files") as step:
        found = planning.plan(
            session.connection,
            referring,
            sources,
            target,
            skipped=skipped,
            on_progress=step.progress,
        )
        step.detail = (
            f"{counted(found.listed, 'file')} listed, {found.files:,} mapped for"
            f" {counted(found.messages, 'message')}, {_megabytes(found.size)}"
        )
    for name in skipped:
        console.warn(f"there is no bucket {name}; it is passed over")
    folder = mapping.write(session.connection, found.run_id, referring.pipeline)
    if as_json:
        print_json(console, found.as_dict())
        return
    console.table(("what", "count"), _plan_rows(found))
    console.note(f"see {folder / mapping.MAPPING} and {mapping.UNMATCHED}")
    console.note("next: ./inv storage.copy")


def copy(pipeline: str | None, *, execute: bool, as_json: bool) -> None:
    """Copy what is planned; raises ``CheckFailed`` when a file failed."""
    with opened("storage.copy", pipeline, execute=execute, as_json=as_json) as work:
        _copy(work, execute=execute, as_json=as_json)


def _copy(work: Work, *, execute: bool, as_json: bool) -> None:
    console = work.session.console
    if not execute:
        _print_states(work, as_json=as_json, next_command="storage.copy --execute")
        return
    prepare(work)
    with console.step("copying files") as step:
        done = copying.copy(
            work.connection,
            work.run_id,
            work.pipeline,
            work.sources,
            work.target,
            on_progress=step.files,
        )
        step.detail = f"{counted(done.files, 'file')}, {_megabytes(done.size)}"
        if done.found_there:
            step.detail += f", {done.found_there:,} of an interrupted copy were there"
        if done.failures:
            step.detail += f", {len(done.failures):,} failed"
    finish(work, done.as_dict(), as_json=as_json)
    _require_none_failed(console, "copied", done.failures, as_json=as_json)
    console.note("next: ./inv storage.verify")


def verify(pipeline: str | None, *, as_json: bool) -> None:
    """Compare every copy with its source, and try who may read it."""
    with opened("storage.verify", pipeline, execute=True, as_json=as_json) as work:
        _verify(work, as_json=as_json)


def _verify(work: Work, *, as_json: bool) -> None:
    console = work.session.console
    started = verifying.now()
    with console.step("verifying copies") as step:
        found = verifying.verify(
            work.connection,
            work.run_id,
            work.pipeline,
            work.sources,
            work.target,
            on_progress=step.files,
        )
        ways = ", ".join(f"{count:,} by {how}" for how, count in found.by.items())
        step.detail = f"{counted(found.files, 'file')} the same" + (
            f" ({ways})" if ways else ""
        )
    with console.step("trying who may read them") as step:
        found.access = access.check(work.connection, work.pipeline, work.target.bucket)
        step.detail = _tried(found.access)
    verifying.enter_step(work.connection, started, found)
    finish(work, found.as_dict(), as_json=as_json)
    for fault in (found.access.faults if found.access else [])[:_NAMED]:
        console.warn(fault)
    _require_none_failed(console, "verified", found.failures, as_json=as_json)
    if found.access and found.access.faults:
        raise CheckFailed(
            f"{counted(len(found.access.faults), 'attempt')} to read or write copies "
            f"went otherwise than they must: {found.access.faults[0]}. The copies "
            "are left as they are. Fix the policies of storage.objects and run: "
            "./inv storage.verify"
        )
    if found.not_copied:
        raise CheckFailed(
            f"{counted(found.not_copied, 'file')} are planned and not copied. Run: "
            "./inv storage.copy --execute"
        )
    console.note("next: ./inv storage.switch")


def switch(pipeline: str | None, *, execute: bool, as_json: bool) -> None:
    """Let live rows name the verified copies."""
    with opened("storage.switch", pipeline, execute=execute, as_json=as_json) as work:
        _switch(work, execute=execute, as_json=as_json)


def _switch(work: Work, *, execute: bool, as_json: bool) -> None:
    console = work.session.console
    name = "switching references" if execute else "planning the switch"
    with console.step(name) as step:
        done = switching.switch(
            work.connection,
            work.run_id,
            work.referring,
            work.target.bucket,
            execute=execute,
            on_wait=console.warn,
        )
        step.detail = f"{counted(done.rows, 'row')} of {work.referring.table}"
        step.detail += f" to {counted(done.files, 'file')}"
    for count, why in (
        (done.not_verified, "their copy is not verified"),
        (done.changed, "they changed since the plan"),
        (done.gone, "they are not there any more"),
    ):
        if count:
            console.warn(f"{counted(count, 'row')} left as they are: {why}")
    finish(work, done.as_dict(), as_json=as_json, writes=execute)
    if not execute:
        console.note("next: ./inv storage.switch --execute")
    elif done.not_verified:
        console.note(f"next: {switching.COPY_AND_VERIFY}, and switch again")
    else:
        console.note("next: ./inv storage.clean")


def rollback(pipeline: str | None, *, execute: bool, as_json: bool) -> None:
    """Give live rows their references back, and remove the copies that we made."""
    with opened("storage.rollback", pipeline, execute=execute, as_json=as_json) as work:
        _rollback(work, execute=execute, as_json=as_json)


def _rollback(work: Work, *, execute: bool, as_json: bool) -> None:
    console = work.session.console
    started = datetime.now(timezone.utc)
    with console.step("restoring references" if execute else "planning") as step:
        restored = switching.restore(
            work.connection, work.referring, execute=execute, on_wait=console.warn
        )
        step.detail = f"{counted(restored.rows, 'row')}"
        if restored.columns_only:
            step.detail += f", of {restored.columns_only:,} changed ones the reference"
    with console.step("removing copies" if execute else "counting copies") as step:
        removed = removing.remove_copies(
            work.connection,
            work.referring,
            work.target,
            execute=execute,
            on_progress=step.files,
        )
        step.detail = f"{counted(removed.files, 'file')}, {_megabytes(removed.size)}"
    undone = undo_target(work, execute=execute)
    result = {**restored.as_dict(), **removed.as_dict(), "undone": undone}
    if execute:
        record = ledger.StepRecord(
            rows=restored.rows,
            detail={**result, "left": removed.left[:100]},
        )
        with committed(work.connection):
            ledger.add_step(
                work.connection, work.run_id, "storage.rollback", started, record
            )
    for name, reason in removed.left[:_NAMED] if execute else ():
        console.warn(f"{name} is left: {reason}")
    finish(work, result, as_json=as_json, writes=execute)
    if not execute:
        console.note("next: ./inv storage.rollback --execute")


def clean(pipeline: str | None, *, execute: bool, as_json: bool) -> None:
    """Remove the sources of everything that is verified and switched."""
    with opened("storage.clean", pipeline, execute=execute, as_json=as_json) as work:
        _clean(work, execute=execute, as_json=as_json)


def _clean(work: Work, *, execute: bool, as_json: bool) -> None:
    console = work.session.console
    with console.step("removing sources" if execute else "counting sources") as step:
        done = removing.clean(
            work.connection,
            work.run_id,
            work.referring,
            work.sources,
            work.target,
            execute=execute,
            on_progress=step.files,
        )
        step.detail = f"{counted(done.files, 'file')}, {_megabytes(done.size)}"
    for name, reason in done.left[:_NAMED]:
        console.warn(f"{name} is left: {reason}")
    finish(work, done.as_dict(), as_json=as_json, writes=execute)
    if not execute:
        console.note("this cannot be undone. next: ./inv storage.clean --execute")


def _print_states(work: Work, *, as_json: bool, next_command: str) -> None:
    states = dict(
        work.connection.execute(
            query("storage_states"), {"pipeline": work.pipeline}
        ).fetchall()
    )
    work.connection.rollback()
    console = work.session.console
    if as_json:
        print_json(console, {"run_id": work.run_id, "states": states})
        return
    console.table(("state", "files"), sorted(states.items()))
    console.note(f"next: ./inv {next_command}")


def _plan_rows(found: planning.Plan) -> list[tuple[str, int]]:
    return [
        ("files listed", found.listed),
        ("files mapped", found.files),
        ("messages mapped", found.messages),
        *((f"files {state}", count) for state, count in found.states.items()),
        *found.unmatched.items(),
    ]


def _require_none_failed(
    console: Console, verb: str, failures: Sequence[tuple[str, str]], *, as_json: bool
) -> None:
    """Name what failed; raises ``CheckFailed`` when something did."""
    if not failures:
        return
    for name, reason in failures[:_NAMED]:
        console.warn(f"{name}: {reason}")
    again = "storage.plan and storage.copy --execute"
    raise CheckFailed(
        f"{counted(len(failures), 'file')} could not be {verb}, {failures[0][0]} for "
        f"one; all are in {mapping.MAPPING}. The others are done. Mend the cause and "
        f"run: ./inv {again}"
    )


def _tried(found: access.Access | None) -> str:
    if found is None:
        return "there are no policies to try"
    tried = ", ".join(f"{count:,} × {kind}" for kind, count in found.tried.items())  # noqa: RUF001
    return (tried or "no copy to try") + (
        f"; {len(found.faults):,} went wrong" if found.faults else ""
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
