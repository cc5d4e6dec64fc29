"""Reads dumps as a load would, without a database, and says what they are.

Owns the verdict: whether ``load`` would take them. Reads the dumps; writes nothing and
keeps no row, so that memory stays bounded.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.assess.expected import Difference, differences
from harness.assess.profile import Profile
from harness.load.dumps import Dump, find_dumps
from harness.load.errors import DumpError
from harness.load.events import CoercedValue, CopyBlock, RejectedRow, TableFound
from harness.load.ids import NEEDED, IdProfile, not_carried, undecided
from harness.load.names import check_names
from harness.load.parts import LoadReader, Outcome, PartsDiffer
from harness.load.schema import Table
from harness.load.selection import FOR_MODELS, Selection, check_selection
from harness.load.source import STANDARD_INPUT, Progress
from harness.load.time_zones import impossible_time_zone, unnamed_time_zone


@dataclass
class Assessment:
    """What dumps were found to be.

    ``problems`` say why ``load`` would refuse them, or why no id could be carried; none
    means that the dumps can be loaded.
    ``others`` say what keeps tables that are not selected from being landed.
    ``is_whole`` is false when reading stopped at a problem, so that counts are those of
    what stands before it.
    """

    dumps: Sequence[Dump]
    selection: Selection
    profile: Profile = field(default_factory=Profile)
    outcome: Outcome = field(default_factory=Outcome)
    differences: list[Difference] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    is_whole: bool = True
    seconds: float = 0.0

    @property
    def can_be_loaded(self) -> bool:
        """Whether ``load`` would take these dumps, and their ids can be carried."""
        return not self.problems

    @property
    def warnings(self) -> list[str]:
        """What ``load`` would warn of in the dumps."""
        summary = self.outcome.summary
        return [
            *summary.warnings,
            *unnamed_time_zone(summary, self.selection),
            *(
                undecided(table, column) + "; load decides by the ids that other "
                "tables and the files share with it, or refuses"
                for table, column, ids in self.ids
                if ids.is_swapped is None
            ),
        ]

    @property
    def ids(self) -> list[tuple[str, str, IdProfile]]:
        """What the columns hold that the models take for ids; none for other loads."""
        return [
            (name, column, found.ids)
            for name, table in sorted(self.profile.tables.items())
            for column, found in table.columns.items()
            if found.ids and self.selection.is_for_models
        ]

    @property
    def tables(self) -> dict[str, Table]:
        """The tables that were met, by lower-case name."""
        return {name: found.table for name, found in self.profile.tables.items()}


def assess(
    paths: Sequence[str],
    selection: Selection = FOR_MODELS,
    on_progress: Progress | None = None,
) -> Assessment:
    """Assess the dumps of these ``--dump`` arguments.

    Every table is looked at. When that is not possible, the selected ones are looked
    at once more alone: what hinders another table hinders no load. Standard input
    comes but once, so its tables are looked at together only.

    Raises ``InputError`` or ``DumpError`` when a file cannot be read at all.
    """
    began = time.monotonic()
    dumps = find_dumps(paths)
    found = _read(dumps, selection, None, on_progress)
    again = selection.names is not None and STANDARD_INPUT not in paths
    if found.problems and again:
        alone = _read(dumps, selection, selection, on_progress)
        if alone.is_whole:
            alone.others = found.problems
            found = alone
    _judge(found)
    found.seconds = time.monotonic() - began
    return found


def _read(
    dumps: Sequence[Dump],
    selection: Selection,
    wanted: Selection | None,
    on_progress: Progress | None,
) -> Assessment:
    """Read the dumps to their end or to the first thing that cannot be read."""
    names = wanted.names if wanted else None
    reader = LoadReader(dumps, tables=names, on_progress=on_progress)
    found = Assessment(dumps, selection, outcome=reader.outcome)
    try:
        for event in reader.events():
            if isinstance(event, CopyBlock):
                found.profile.tables[event.table].add(event)
            elif isinstance(event, RejectedRow):
                found.profile.reject(event)
            elif isinstance(event, CoercedValue):
                found.profile.coerce(event)
            elif isinstance(event, TableFound):
                found.profile.found(event.table)
    except DumpError as error:
        # Without a place it is the file that cannot be read, not what it says.
        if error.byte_offset is None and not isinstance(error, PartsDiffer):
            raise
        found.problems.append(str(error))
        found.is_whole = False
    return found


def _judge(found: Assessment) -> None:
    """Check what a load would check once it has read everything."""
    selection, summary = found.selection, found.outcome.summary
    if zone := impossible_time_zone(summary, selection):
        found.problems.append(zone)
    for name, table in sorted(found.tables.items()):
        try:
            check_names(table)
        except DumpError as error:
            is_selected = selection.names is None or name in selection.names
            (found.problems if is_selected else found.others).append(str(error))
    if found.is_whole:
        try:
            check_selection(
                selection,
                found.outcome.name,
                summary.tables,
                summary.views,
                found.tables,
            )
        except DumpError as error:
            found.problems.append(str(error))
    for name, column, ids in found.ids:
        if (name, column) in NEEDED and not ids.is_carried:
            kind = found.profile.tables[name].columns[column].column.mysql_type
            found.problems.append(not_carried(name, column, kind, ids))
    if selection.is_for_models and found.is_whole:
        found.differences = differences(found.tables)
