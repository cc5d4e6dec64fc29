"""Reads the harness's longer SQL from ``harness/sql/``, one statement or script a file.

A name in braces stands for an identifier or another piece of SQL that the caller gives.
Braces around anything else, such as a repetition in a regular expression, stay.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from psycopg import sql

from harness import pipelines, settings

_FOLDER = Path(__file__).resolve().parent / "sql"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def query(name: str, **parts: sql.Composable) -> sql.Composed:
    """Compose the SQL of ``harness/sql/<name>.sql``.

    The schemas ``{staging}``, ``{transform}``, ``{marts}``, ``{ledger}`` and ``{live}``
    are always known, ``{marts}`` as that of the pipeline at work, and ``{live_name}``,
    the last as text; ``parts`` adds others.
    Raises ``KeyError`` for a placeholder that nobody fills.
    """
    live_name = sql.Literal(settings.live_schema())
    known = {**schemas(), "live_name": live_name, **parts}
    pieces = _PLACEHOLDER.split(_read(name))
    return sql.Composed(
        known[piece] if odd else sql.SQL(piece)  # type: ignore[arg-type]
        for odd, piece in ((index % 2, piece) for index, piece in enumerate(pieces))
    )


def schemas() -> dict[str, sql.Composable]:
    """Name the schemas by what they are for, from staging to live."""
    return {
        "staging": sql.Identifier(settings.staging_schema()),
        "transform": sql.Identifier(settings.transform_schema()),
        "marts": sql.Identifier(pipelines.current().marts()),
        "ledger": sql.Identifier(settings.ledger_schema()),
        "live": sql.Identifier(settings.live_schema()),
    }


@cache
def _read(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
