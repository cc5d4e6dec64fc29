"""What makes the chat system secure, and how it is shown that it is.

``hardening`` and ``wiring`` say what the live schema lacks; publishing adds it.
``standins`` gives a rehearsal what Supabase would bring. ``check`` shows, by acting as
each role, that the live database keeps what was promised. None of them writes anything
but through changes that the caller applies, and what ``check`` takes back.
"""

from __future__ import annotations

from harness.constraints import Change
from harness.database import Connection
from harness.security import hardening, wiring


def missing_changes(connection: Connection) -> list[Change]:
    """Find what the live schema lacks for security, then what it lacks of wiring."""
    found = hardening.missing_changes(connection)
    # Both ask for the private schema when there is none.
    return found + [
        change for change in wiring.missing_changes(connection) if change not in found
    ]
