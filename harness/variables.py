"""The project's variables, as ``dbt_project.yml`` states them for dbt and the harness.

Reads that file only. A figure given to dbt alone, with ``--vars``, is not known here:
change the file, so that both halves judge by the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml  # type: ignore[import-untyped]  # it publishes no types

from harness import settings
from harness.errors import UsageError

_ZONE = re.compile(r"[+-]\d{1,2}:\d\d|[A-Za-z][A-Za-z0-9_+/-]*")


@dataclass(frozen=True)
class Thresholds:
    """Rates from 0 to 1 (specification, phase 6, "Alerting Thresholds")."""

    max_error_rate: float
    max_missing_booking_rate: float
    max_sender_failure_rate: float


@cache
def thresholds() -> Thresholds:
    """Read the thresholds; raises ``UsageError`` when one is missing or no rate."""
    rates = {}
    for name in Thresholds.__dataclass_fields__:
        value = _variables().get(name)
        if not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise UsageError(
                f"the variable {name} in dbt_project.yml is {value!r}; it must be a "
                "rate from 0 to 1. Nothing was changed."
            )
        rates[name] = float(value)
    return Thresholds(**rates)


def source_timezone() -> str:
    """The zone of the source's wall-clock times, for what is not built yet.

    Raises ``UsageError`` for a text that is neither an offset nor a name.
    """
    zone = str(_variables().get("source_timezone", "UTC"))
    if not _ZONE.fullmatch(zone):
        raise UsageError(
            f"the variable source_timezone in dbt_project.yml is {zone!r}; it must be "
            "an offset such as '+02:00' or a name such as Europe/Berlin. Nothing was "
            "changed."
        )
    return zone


def default_linkage() -> tuple[str, bool]:
    """The linkage of a build that is not told another, and whether it merges."""
    found = _variables()
    return str(found.get("linkage", "strict")), bool(found.get("linkage_merge", False))


def declared() -> dict[str, Any]:
    """All variables and their values, as the ledger keeps them with a run."""
    return dict(_variables())


@cache
def _variables() -> dict[str, Any]:
    project = settings.PROJECT_ROOT / "dbt_project.yml"
    found = yaml.safe_load(project.read_text(encoding="utf-8")).get("vars")
    return dict(found or {})
