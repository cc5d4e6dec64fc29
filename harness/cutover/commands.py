"""The task ``cutover``: works, prints what it does and names the next command."""

from __future__ import annotations

from harness.console import counted
from harness.cutover import executing
from harness.cutover.executing import Plan, Undoing
from harness.stages import Session


def run(session: Session, *, undo: bool, execute: bool) -> None:
    """Do or undo the cutover, or print the plan of it without ``execute``."""
    if undo:
        _undo(session, execute=execute)
        return
    if not execute:
        _print_plan(session, executing.preview(session.connection))
        return
    console = session.console
    with console.step("moving the legacy tables to the archive") as step:
        plan = executing.execute(session.connection, on_wait=console.note)
        step.detail = "done already" if plan.stands else "views are in their place"
    if plan.carried:
        console.note(f"{plan.carried} since the landing: carried by the views' rules")
    if not plan.stands:
        for warning in plan.warnings:
            console.warn(warning)
    _print_tables(session, plan)
    console.note("next: ./inv legacy-references PATH; to go back: ./inv cutover --undo")


def _print_plan(session: Session, plan: Plan) -> None:
    for warning in plan.warnings:
        session.console.warn(warning)
    _print_tables(session, plan)
    if plan.stands:
        done = f"{plan.stands.executed_at:%Y-%m-%d %H:%M} UTC by {plan.stands.operator}"
        session.console.note(f"the cutover is done already, {done}")
        session.console.note("next: ./inv legacy-references PATH")
        return
    if plan.late:
        session.console.note(
            f"{plan.late} since the landing: carried by the views' rules when it is "
            "executed, an edit where the message still is as it was published"
        )
    session.console.note("next: ./inv cutover --execute")


def _print_tables(session: Session, plan: Plan) -> None:
    old, archive = plan.legacy_schema, plan.archive_schema
    session.console.table(
        ("legacy table", "rows", "moves to", "in its place"),
        [
            (f"{old}.{name}", rows, f"{archive}.{name}", "a view")
            for name, rows in plan.rows.items()
        ],
    )


def _undo(session: Session, *, execute: bool) -> None:
    console = session.console
    if execute:
        with console.step("taking the legacy tables back") as step:
            undoing = executing.undo(session.connection, on_wait=console.note)
            step.detail = "they are where they were"
    else:
        undoing = executing.preview_undo(session.connection)
    _print_undoing(session, undoing)
    if execute:
        console.note("next: ./inv consolidate --execute, or ./inv rollback")
    else:
        console.note("next: ./inv cutover --undo --execute")


def _print_undoing(session: Session, undoing: Undoing) -> None:
    old, archive = undoing.standing.legacy_schema, undoing.standing.archive_schema
    session.console.table(
        ("table", "comes back to", "rows", "written through the view"),
        [
            (f"{archive}.{name}", f"{old}.{name}", rows, undoing.written[name])
            for name, rows in undoing.rows.items()
        ],
    )
    if undoing.of_new_clients:
        session.console.warn(
            f"{counted(undoing.of_new_clients, 'message')} of new clients stand in "
            "chat_messages alone: old clients do not see them without the views"
        )
