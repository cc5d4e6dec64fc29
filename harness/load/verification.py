"""How much of what is landed was held against the dump.

Owns this type and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verification:
    """How much of what is landed was held against the dump, and what was found.

    ``rows`` of the ``landed`` rows were read twice; ``None`` when no checksum was kept.
    ``faults`` are sentences, none when all is as the dump has it. ``seconds`` is what
    the second reading and the comparison took together.
    """

    rows: int | None
    landed: int
    faults: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether every row was held against the dump."""
        return self.rows == self.landed

    def __str__(self) -> str:
        if self.rows is None:
            return "not (loaded by an earlier version)"
        if self.is_complete:
            return "all rows"
        return f"a sample: {self.rows:,} of {self.landed:,} rows"

    @property
    def sentence(self) -> str:
        """What the tasks print."""
        if self.rows is None:
            return "dump not verified: it was loaded by an earlier version"
        if self.is_complete:
            said = "dump verified: every row"
        else:
            said = f"dump verified: a sample, {self.rows:,} of {self.landed:,} rows"
        if self.faults:
            said += f"; the landing differs in {len(self.faults):,} places"
        return said
