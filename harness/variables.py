"""The thresholds, as ``dbt_project.yml`` states them for dbt and the harness.

Reads the project's variables; an override in the environment is not offered, so that
both halves always judge by the same figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import yaml  # type: ignore[import-untyped]  # it publishes no types

from harness import settings
from harness.errors import UsageError


@dataclass(frozen=True)
class Thresholds:
    """Rates from 0 to 1 (specification, phase 6, "Alerting Thresholds")."""

    max_error_rate: float
    max_missing_booking_rate: float
    max_sender_failure_rate: float


@cache
def thresholds() -> Thresholds:
    """Read the thresholds; raises ``UsageError`` when one is missing or no rate."""
    project = settings.PROJECT_ROOT / "dbt_project.yml"
    variables = yaml.safe_load(project.read_text(encoding="utf-8")).get("vars", {})
    rates = {}
    for name in Thresholds.__dataclass_fields__:
        value = variables.get(name)
        if not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise UsageError(
                f"the variable {name} in dbt_project.yml is {value!r}; it must be a "
                "rate from 0 to 1. Nothing was changed."
            )
        rates[name] = float(value)
    return Thresholds(**rates)
