"""Compares every row of the live tables with the source, by its own SQL.

Works from the landing tables, not from the models: what must be live is derived a
second time in ``harness/sql/expected_rows.sql`` and ``consolidation_expected.sql``.
Reads the live tables and the backup's copies, writes only temporary tables and the
ledger.
"""

from harness.validate.consolidation import (
    UNLINKED_SESSION_NAMESPACE,
    VOICE_NOTE_NAMESPACE,
)
from harness.validate.consolidation import derive as derive_consolidation
from harness.validate.migration import MEDIA_NAMESPACE, derive
from harness.validate.outcome import (
    FAULTS,
    FINDINGS,
    LISTED,
    Validation,
    ValidationFailed,
    faults,
    require_valid,
)
from harness.validate.validating import validate

__all__ = [
    "FAULTS",
    "FINDINGS",
    "LISTED",
    "MEDIA_NAMESPACE",
    "UNLINKED_SESSION_NAMESPACE",
    "VOICE_NOTE_NAMESPACE",
    "Validation",
    "ValidationFailed",
    "derive",
    "derive_consolidation",
    "faults",
    "require_valid",
    "validate",
]
