"""Two operators at once: the second is refused and told who is at work since when."""

from __future__ import annotations

import re

import pytest

from tests.python.chaos import moments
from tests.python.chaos.conftest import Databases
from tests.python.chaos.state import stand_of
from tests.python.chaos.tasks import watcher
from tests.python.chaos.test_cut import BEFORE, HELD_AT, completed, prepared

_HOLDER = re.compile(
    r"another run is at work on this database: carryover (\w+) .*"
    r"\(process (\d+), since \d\d:\d\d:\d\d UTC\) holds the lock\."
    r" Nothing was changed\."
)
OTHERS = ("publish", "rollback", "backup", "restore")
OPPOSITE = dict(zip(OTHERS, ("rollback", "publish", "restore", "backup"), strict=True))


@pytest.mark.parametrize("stage", HELD_AT)
def test_the_second_is_refused(databases: Databases, stage: str) -> None:
    operator = databases.at(BEFORE[stage])
    before = prepared(operator, stage)
    others = OTHERS if moments.IS_FULL else [OPPOSITE[stage]]
    with (
        moments.held(operator, stage, "--execute", at=HELD_AT[stage]) as task,
        watcher(operator) as connection,
    ):
        holder = connection.execute(
            "select pid from pg_locks inner join pg_stat_activity using (pid)"
            " where locktype = 'advisory' and granted"
            " and datname = current_database()"
        ).fetchone()
        assert holder is not None
        for other in others:
            refused = operator.run(other, "--execute", code=4)
            found = _HOLDER.search(refused.error)
            assert found is not None, refused
            assert found.groups() == (stage, str(holder[0]))
    ended = task.wait()
    assert ended.code == 0, ended
    assert stand_of(operator) == completed(databases, stage, before)
