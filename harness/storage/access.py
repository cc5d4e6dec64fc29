"""Who can read and write the copies: tried as each, in a transaction that is undone.

Acts as the API does: the role ``authenticated`` with a user's claims. Where Supabase's
own table has no rows of the copies, as in a rehearsal, they are put there for the trial
and are gone with it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from harness import settings
from harness.database import Connection, take_back
from harness.queries import query
from harness.storage.limits import has_storage

#: How many files are tried, each as its participants and as a stranger.
_TRIED = 25
_ROLE = "authenticated"


@dataclass
class Access:
    """What was tried: attempts by kind, and what went otherwise than it must."""

    tried: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The result as ``--json`` prints it."""
        return {"tried": self.tried, "faults": self.faults}

    def expect(self, kind: str, holds: bool, fault: str) -> None:
        """Count an attempt, and keep what went wrong."""
        self.tried[kind] = self.tried.get(kind, 0) + 1
        if not holds:
            self.faults.append(fault)


def check(connection: Connection, pipeline: str, bucket: str) -> Access | None:
    """Try the copies' policies; None where there are none to try.

    Leaves nothing behind.
    """
    if not _has_policies(connection):
        take_back(connection)
        return None
    found = Access()
    try:
        files = connection.execute(
            query("storage_access_files"), {"pipeline": pipeline, "tried": _TRIED}
        ).fetchall()
        _stand_in(connection, bucket, [row[0] for row in files])
        for name, participants, outsider in files:
            _try(connection, found, bucket, name, participants, outsider)
        _try_admin(connection, found, bucket, [row[0] for row in files])
    finally:
        take_back(connection)
    return found


def _has_policies(connection: Connection) -> bool:
    if not has_storage(connection):
        return False
    row = connection.execute(
        "select exists (select from pg_roles where rolname = %s)"
        " and exists (select from pg_policies"
        "  where schemaname = 'storage' and tablename = 'objects')"
        " and to_regclass(%s) is not null",
        [_ROLE, f'"{settings.live_schema()}".chat_sessions'],
    ).fetchone()
    return bool(row and row[0])


def _stand_in(connection: Connection, bucket: str, names: list[str]) -> None:
    """Put rows where the trial needs them; they are taken back with it."""
    connection.execute(
        "insert into storage.objects (bucket_id, name) select %s, name"
        " from unnest(%s::text[]) as name on conflict do nothing",
        [bucket, names],
    )


def _try(
    connection: Connection,
    found: Access,
    bucket: str,
    name: str,
    participants: list[uuid.UUID],
    outsider: uuid.UUID | None,
) -> None:
    session, sender, _ = name.split("/", 2)
    strangers = [uuid.uuid4(), *([outsider] if outsider else [])]
    for user in participants:
        sees = _sees(connection, bucket, name, user)
        found.expect(
            "participant reads", sees, f"participant {user} cannot read {name}"
        )
        own = f"{session}/{user}/carryover-{uuid.uuid4()}"
        may = _writes(connection, bucket, own, user)
        found.expect(
            "participant uploads", may, f"participant {user} cannot write {own}"
        )
        if str(user) != sender:
            may = _writes(connection, bucket, f"{session}/{sender}/x", user)
            found.expect(
                "participant keeps out",
                not may,
                f"participant {user} can write into the folder of {sender}",
            )
    for user in strangers:
        sees = _sees(connection, bucket, name, user)
        found.expect(
            "stranger is kept out", not sees, f"stranger {user} can read {name}"
        )
        may = _writes(connection, bucket, f"{session}/{user}/x", user)
        found.expect(
            "stranger is kept out", not may, f"stranger {user} can write into {session}"
        )


def _try_admin(
    connection: Connection, found: Access, bucket: str, names: list[str]
) -> None:
    row = connection.execute(query("storage_access_admin")).fetchone()
    if row is None:
        return
    for name in names:
        sees = _sees(connection, bucket, name, row[0])
        found.expect("admin reads", sees, f"admin {row[0]} cannot read {name}")


def _sees(connection: Connection, bucket: str, name: str, user: uuid.UUID) -> bool:
    with _acting(connection, user):
        row = connection.execute(
            "select exists (select from storage.objects"
            " where bucket_id = %s and name = %s)",
            [bucket, name],
        ).fetchone()
    return bool(row and row[0])


def _writes(connection: Connection, bucket: str, name: str, user: uuid.UUID) -> bool:
    try:
        with _acting(connection, user):
            connection.execute(
                "insert into storage.objects (bucket_id, name) values (%s, %s)",
                [bucket, name],
            )
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


@contextmanager
def _acting(connection: Connection, user: uuid.UUID) -> Iterator[None]:
    """Act as a user of the API; all of it is taken back at once."""
    claims = json.dumps({"sub": str(user), "role": _ROLE})
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(_ROLE)))
        # Here what a policy hides is an answer and no error.
        connection.execute("set local row_security to on")
        connection.execute(
            "select set_config('request.jwt.claims', %s, true),"
            " set_config('request.jwt.claim.sub', %s, true)",
            [claims, str(user)],
        )
        yield
