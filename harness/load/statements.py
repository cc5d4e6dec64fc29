"""The words that a dump's statements begin with, by what becomes of them.

Owns these sets and nothing else.
"""

from __future__ import annotations

#: Statements that leave the wanted rows and the reading of what follows alone.
_HARMLESS = frozenset(
    [
        "GRANT",
        "REVOKE",
        "FLUSH",
        "ANALYZE",
        "OPTIMIZE",
        "CHECK",
        "REPAIR",
        "SELECT",
        "DO",
        "SHOW",
        "INSTALL",
        "RESET",
        "STOP",
        "PURGE",
        "CHANGE",
        "PREPARE",
        "EXECUTE",
        "DEALLOCATE",
        "CALL",
        "EXPLAIN",
        "KILL",
        "SIGNAL",
        "SAVEPOINT",
        "RELEASE",
    ]
)
#: Statements that change rows or names.
CHANGES = frozenset(["RENAME", "TRUNCATE", "DELETE", "UPDATE", "LOAD", "WITH"])
_INTERPRETED = frozenset(
    ["SET", "CREATE", "DROP", "ALTER", "USE", "LOCK", "UNLOCK", "START", "BEGIN"]
) | {"COMMIT", "ROLLBACK"}
_KNOWN = _HARMLESS | CHANGES | _INTERPRETED
ALL = _KNOWN | {"INSERT", "REPLACE", "DELIMITER", "SOURCE"}
