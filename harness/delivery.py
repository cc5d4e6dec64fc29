"""Publishing with its proof, and what an operator reads of plans."""

from __future__ import annotations

from collections.abc import Sequence

from harness import candidates, publish, stages
from harness.errors import CheckFailed, HarnessError, after_other_stages
from harness.pipelines import current
from harness.rollback import Rollback
from harness.stages import Session
from harness.validate import faults


def publish_and_prove(session: Session, *, in_use: bool) -> publish.Plan:
    """Back up, publish and prove it; what does not stand the proof is taken back.

    With ``in_use`` what the application did meanwhile is no fault. Raises ``Refused``
    when something is in the way and ``CheckFailed`` when the proof fails.
    """
    stages.preflight(session, needs_backup=False)
    stages.back_up(session)
    done = stages.run_publish(session)
    with after_other_stages(f"the run {done.run_id} is published and not proved"):
        try:
            stages.audit(session, "live")
        except CheckFailed as failed:
            raise _taken_back(session, done, str(failed)) from failed
        validation = stages.run_validate(session, in_use=in_use)
    if not validation.is_valid:
        raise _taken_back(session, done, f"{faults(validation)}.")
    return done


def print_plan(session: Session, plan: publish.Plan) -> None:
    """Print what publishing would do, row by row of the tables, then the DDL."""
    console = session.console
    console.result("")
    console.table(
        ("live table", *candidates.ACTIONS),
        [
            (table.name, *(table.counts[action] for action in candidates.ACTIONS))
            for table in plan.tables
        ],
    )
    for line in (*_reasons(plan), *_named(plan)):
        console.result(line)
    for change in plan.changes:
        console.result(f"{change.ddl};")
    for change in plan.changes:
        if change.check_ddl:
            console.result(f"{change.check_ddl};")


def print_rollback(session: Session, done: Rollback) -> None:
    """Print what a rollback takes back, the rows that it leaves, and its proof."""
    console = session.console
    console.result("")
    console.table(
        ("live table", "delete", "restore", "gone", "changed", "referenced"),
        [
            (t.name, t.delete, t.restore, t.gone, t.changed, t.referenced)
            for t in done.tables
        ],
    )
    for name in done.dropped:
        console.result(f"undone with it: {name}")
    for table in done.tables:
        if table.left:
            console.warn(
                f"{table.changed + table.referenced:,} rows of {table.name} are left, "
                f"because they changed or are referred to: {', '.join(table.left)}"
            )
    if done.left:
        console.note(
            "to remove what is left as well:"
            f" ./inv rollback --run {done.run_id} --force --execute"
        )
    if done.forced:
        console.warn(
            f"{done.forced:,} rows that were changed since the publish, or cannot be "
            "told from such, go as well"
        )
    if done.proof:
        say = console.result if done.proof.holds else console.warn
        for sentence in done.proof.sentences():
            say(sentence)


def _taken_back(session: Session, done: publish.Plan, failed: str) -> CheckFailed:
    """Roll the run back; the error says what failed and what stands now."""
    if not done.writes:
        return CheckFailed(
            f"{failed} This run has changed nothing, so there is nothing to roll back. "
            f"See {current().results}"
        )
    session.console.warn(f"{failed} Rolling the run back.")
    try:
        with after_other_stages(f"the run {done.run_id} stays published"):
            taken = stages.run_rollback(session, done.run_id)
    except HarnessError as error:
        return CheckFailed(f"{failed} Rolling the run back failed as well: {error}")
    print_rollback(session, taken)
    left = f" but for {taken.left:,} rows changed since" if taken.left else ""
    return CheckFailed(
        f"{failed} The run {done.run_id} was rolled back{left}. See "
        f"{current().results}, mend the cause and run the {current().name} again."
    )


def _named(plan: publish.Plan) -> Sequence[str]:
    """Name the rows that are neither new nor as they were, as many as are listed."""
    said = []
    for table in plan.tables:
        for action, ids in table.listed.items():
            more = table.counts[action] - len(ids)
            rest = f" and {more:,} more" if more else ""
            said.append(f"{action} in {table.name}: {', '.join(ids)}{rest}")
    return said


def _reasons(plan: publish.Plan) -> Sequence[str]:
    return [
        f"{count:,} rows of {table.name} cannot be published: {reason}"
        for table in plan.tables
        for reason, count in table.reasons.items()
    ]
