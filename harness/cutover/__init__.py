"""The cutover: views take the place of the legacy tables, which move to an archive.

Old clients go on reading and writing ``messages`` and ``voice_notes`` while they are
updated: what they write stands in the archive as it always did, and in the new system
by the consolidation's rules. This package owns the archive's schema and the two views.
Of the application's tables only the two are moved, and nothing of their rows changes.
The modules that do it are imported by name, so that ``legacy`` can ask ``stands``.
"""

from harness.cutover.state import Cutover, find, legacy_schema, stands

__all__ = ["Cutover", "find", "legacy_schema", "stands"]
