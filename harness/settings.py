"""Where things are and what they are called: paths, schemas, the environment.

Reads the environment and never writes it. No other module spells a schema's name or
looks for the project's root.
"""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import UsageError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SAMPLES = PROJECT_ROOT / "samples"

#: The tables that the migration's models read, with the columns that they need.
REQUIRED_COLUMNS: dict[str, tuple[str, ...]] = {
    "chat": (
        "id",
        "booking_id",
        "buyer_id",
        "stylist_id",
        "is_active",
        "created_at",
        "updated_at",
    ),
    "message": (
        "id",
        "chat_id",
        "message",
        "is_from",
        "is_unread",
        "is_image",
        "created_at",
    ),
    "booking": ("id", "buyer_id", "stylist_id", "status", "created_at"),
}

#: The tables that the consolidation's models read, as the application calls them.
LEGACY_TABLES: tuple[str, ...] = (
    "messages",
    "voice_notes",
    "bookings",
    "profiles",
    "chat_sessions",
    "chat_messages",
)

_SCHEMA_VARIABLES = (
    "CARRYOVER_SCHEMA_PREFIX",
    "CARRYOVER_LIVE_SCHEMA",
    "CARRYOVER_LEGACY_SCHEMA",
)
#: What some statement of dbt, of a driver or of ours would read as its own syntax.
_UNUSABLE = "\"'%\\"
#: The longest name that PostgreSQL keeps whole.
_NAME_BYTES = 63

#: Landed when the dump has them: they name the people of a rehearsal target.
OPTIONAL_TABLES: tuple[str, ...] = ("buyer", "stylist")


def carryover_home() -> Path:
    """The folder of everything that Carryover keeps on this machine.

    ``CARRYOVER_HOME``, or ``.carryover`` in the project.
    """
    configured = os.environ.get("CARRYOVER_HOME")
    return Path(configured).resolve() if configured else PROJECT_ROOT / ".carryover"


def artifacts_home() -> Path:
    """The folder that holds one folder of artifacts for each run.

    ``CARRYOVER_ARTIFACTS``, or ``artifacts`` in the project.
    """
    configured = os.environ.get("CARRYOVER_ARTIFACTS")
    return Path(configured).resolve() if configured else PROJECT_ROOT / "artifacts"


def metrics_home() -> Path | None:
    """The folder in which a collector looks for metrics: ``CARRYOVER_METRICS``, if set.

    It has to be there already: it is the collector's.
    """
    configured = os.environ.get("CARRYOVER_METRICS")
    return Path(configured).resolve() if configured else None


def schema_prefix() -> str:
    """What stands before the names of our schemas in a shared development database."""
    return os.environ.get("CARRYOVER_SCHEMA_PREFIX", "")


def staging_schema() -> str:
    """The schema of the landing tables."""
    return schema_prefix() + "staging"


def transform_schema() -> str:
    """The schema of dbt's staging and intermediate models."""
    return schema_prefix() + "transform"


def marts_schema() -> str:
    """The schema of what dbt made ready to publish."""
    return schema_prefix() + "marts"


def consolidated_schema() -> str:
    """The schema of what dbt made ready for the consolidation to publish."""
    return schema_prefix() + "consolidated"


def ledger_schema() -> str:
    """The schema of the ledger."""
    return schema_prefix() + "carryover"


def backup_schema() -> str:
    """The schema of the copies of live tables; only their owner may look into it."""
    return schema_prefix() + "carryover_backups"


def live_schema() -> str:
    """The application's schema: ``CARRYOVER_LIVE_SCHEMA``, or ``public``."""
    return os.environ.get("CARRYOVER_LIVE_SCHEMA") or "public"


def legacy_schema() -> str:
    """The schema of messages and voice_notes: ``CARRYOVER_LEGACY_SCHEMA``, or live."""
    return os.environ.get("CARRYOVER_LEGACY_SCHEMA") or live_schema()


def archive_schema() -> str:
    """The schema that keeps the legacy tables after the cutover."""
    return schema_prefix() + "legacy_archive"


def cutover_schema() -> str:
    """The schema of what the views of the cutover call; no API shows it."""
    return schema_prefix() + "chat_cutover"


def security_schema() -> str:
    """The schema of the functions that policies and triggers call; no API shows it."""
    return schema_prefix() + "chat_private"


def own_schemas() -> tuple[str, ...]:
    """Every schema that Carryover makes."""
    return (
        staging_schema(),
        transform_schema(),
        marts_schema(),
        consolidated_schema(),
        ledger_schema(),
        backup_schema(),
        archive_schema(),
        cutover_schema(),
        security_schema(),
    )


def require_names() -> None:
    """Raise ``UsageError`` for a schema's name that cannot be worked with.

    Neither dbt nor pg_dump takes every name that PostgreSQL does, and the schemas of
    PostgreSQL itself and our own are no application's.
    """
    for variable in _SCHEMA_VARIABLES:
        name = os.environ.get(variable, "")
        if fault := _fault(variable, name):
            raise UsageError(
                f"{variable} is {name!r}, {fault}. Nothing was changed. Set it to "
                "another name, or unset it, and run the command again."
            )


def _fault(variable: str, name: str) -> str | None:
    is_prefix = variable == "CARRYOVER_SCHEMA_PREFIX"
    names = own_schemas() if is_prefix else (name,)
    if any(len(each.encode()) > _NAME_BYTES for each in names):
        return f"which makes a schema's name longer than {_NAME_BYTES} bytes"
    if found := sorted({c for c in name if c in _UNUSABLE or not c.isprintable()}):
        return f"and a schema's name here may not hold {' '.join(map(repr, found))}"
    if name.startswith("pg_") or name == "information_schema":
        return "and such names are those of PostgreSQL's own schemas"
    if not is_prefix and name in own_schemas():
        return "which is a schema of Carryover's own"
    return None


def legacy_landing(table: str) -> str:
    """What the landing table of one of the legacy system's tables is called."""
    return f"legacy_{table}"
