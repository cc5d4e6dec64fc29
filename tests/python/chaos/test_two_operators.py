"""Two operators at once: the second is refused and told who is at work since when."""

from __future__ import annotations

import re

import pytest

from harness.pipelines import MIGRATION
from tests.python.chaos import moments
from tests.python.chaos.databases import Databases
from tests.python.chaos.state import stand_of
from tests.python.chaos.tasks import watcher
from tests.python.chaos.test_cut import (
    BEFORE,
    HELD,
    HELD_AT,
    completed,
    prepared,
)

_HOLDER = re.compile(
    r"another run is at work on this database: carryover (\S+) .*"
    r"\(process (\d+), since \d\d:\d\d:\d\d UTC\) holds the lock\."
    r" Nothing was changed\."
)
OPPOSITE = {
    "publish": "rollback",
    "rollback": "publish",
    "backup": "restore",
    "restore": "backup",
    "cutover": "rollback",
    "undo": "publish",
}
#: In CI, all of the migration's and what is the consolidation's alone.
PAIRS = [
    pair
    for pair in HELD
    if moments.IS_FULL or pair[0] == MIGRATION.name or pair[1] == "cutover"
]


@pytest.mark.parametrize(("databases", "stage"), PAIRS, indirect=["databases"])
def test_the_second_is_refused(databases: Databases, stage: str) -> None:
    operator = databases.at(BEFORE[stage])
    before = prepared(databases, operator, stage)
    own = [each for name, each in HELD if name == databases.pipeline.name]
    task = databases.task(stage)
    with (
        moments.held(operator, *task, at=HELD_AT[stage]) as running,
        watcher(operator) as connection,
    ):
        holder = connection.execute(
            "select pid from pg_locks inner join pg_stat_activity using (pid)"
            " where locktype = 'advisory' and granted"
            " and datname = current_database()"
        ).fetchone()
        assert holder is not None
        for other in own if moments.IS_FULL else [OPPOSITE[stage]]:
            refused = operator.run(*databases.task(other), code=4)
            found = _HOLDER.search(refused.error)
            assert found is not None, refused
            assert found.groups() == (task[0], str(holder[0]))
    ended = running.wait()
    assert ended.code == 0, ended
    assert stand_of(operator) == completed(databases, stage, before)
