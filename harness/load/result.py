"""What a load did, as the tasks and the ledger tell it.

Owns these types and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.load.verification import Verification


@dataclass(frozen=True)
class TableLoad:
    """One landed table; ``rows_read`` is ``rows_loaded`` + ``rows_rejected``.

    ``values_coerced`` are listed in ``staging.coerced_values``.
    ``bytes`` are those of its rows as they were landed, ``seconds`` those that reading
    and landing them took.
    """

    name: str
    statements: int
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    values_coerced: int = 0
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class InputFile:
    """One file that was read: ``kind`` is ``dump``, ``bookings`` or ``users``.

    ``bytes`` and ``sha256`` are the file's own, compressed if it is.
    """

    kind: str
    name: str
    bytes: int
    sha256: str
    rows: int


@dataclass(frozen=True)
class LoadResult:
    """A whole load.

    ``rejected_reasons`` counts the rejected rows by reason; ``time_zone`` is that of
    the dump's TIMESTAMP values, ``None`` when the dump does not say.
    ``verified`` says how much of it was held against the dump, ``checksums`` by which
    sums, by table: the rows, and both halves of their hashes.
    ``parser_peak_memory_bytes`` is the memory of the process that read the dumps,
    ``None`` when this one did.
    """

    run_id: str
    tables: tuple[TableLoad, ...]
    inputs: tuple[InputFile, ...]
    rejected_reasons: Mapping[str, int]
    producer: str | None
    time_zone: str | None
    warnings: tuple[str, ...]
    seconds: float
    verified: Verification
    checksums: Mapping[str, tuple[int, int, int]]
    parser_peak_memory_bytes: int | None = None
