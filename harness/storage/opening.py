"""Which stores a task works on, and with what credentials: from the environment only.

Reads ``CARRYOVER_STORAGE_*`` and the usual ``AWS_*``; never a file in somebody's home,
never the machine's own role. A source and a target on different services have variables
of their own, with ``SOURCE_`` or ``TARGET_`` in the name.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from harness.cli import file_argument
from harness.errors import UsageError
from harness.storage.local import LocalStore
from harness.storage.stores import Store

DEFAULT_SOURCES = ("chat-attachments", "voice-notes")
DEFAULT_TARGET = "chat-files"
_WORKERS = 16
#: The variable of AWS that stands for one of ours, if there is one.
_OF_AWS = {
    "ENDPOINT": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "REGION": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "ACCESS_KEY_ID": ("AWS_ACCESS_KEY_ID",),
    "SECRET_ACCESS_KEY": ("AWS_SECRET_ACCESS_KEY",),
    "SESSION_TOKEN": ("AWS_SESSION_TOKEN",),
}


def open_store(place: str, side: str = "") -> Store:
    """Open ``file:///path``, ``s3://bucket/prefix``, or a bucket by its name alone.

    ``side`` is ``source`` or ``target``. Raises ``UsageError`` for what cannot be read
    and for credentials that are missing. Asks no server.
    """
    if place.startswith("file:"):
        return LocalStore(_folder(place))
    if place.startswith(("/", "./", "../", "~")):
        return LocalStore(Path(file_argument(place) or place).resolve())
    parts = urlsplit(place if "://" in place else f"s3://{place}")
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f"{place} names no store. Nothing was changed. Write file:///folder, "
            "s3://bucket, s3://bucket/prefix or a bucket's name."
        )
    if "@" in parts.netloc:
        raise UsageError(
            "credentials do not belong into a store's name. Nothing was changed. Set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    from harness.storage.s3 import S3Store

    client, account = _client(side)
    return S3Store(client, account, parts.netloc, unquote(parts.path))


def workers() -> int:
    """How many files are moved at a time: ``CARRYOVER_STORAGE_WORKERS``, or 16."""
    text = os.environ.get("CARRYOVER_STORAGE_WORKERS") or str(_WORKERS)
    if text.isdecimal() and 1 <= int(text) <= 256:
        return int(text)
    raise UsageError(
        f"CARRYOVER_STORAGE_WORKERS is {text!r}. Nothing was changed. "
        "Set it to a number from 1 to 256."
    )


def _folder(place: str) -> Path:
    parts = urlsplit(place)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise UsageError(
            f"{place} names no folder. Nothing was changed. "
            "Write file:///the/whole/path."
        )
    # A '#' or '?' in a folder's name must be percent-encoded, as Path.as_uri does.
    return Path(unquote(parts.path)).resolve()


def _client(side: str) -> tuple[Any, str]:
    """A client for the service of a side, and whose key it uses."""
    values = {name: _setting(name, side) for name in _OF_AWS}
    missing = [
        _OF_AWS[name][0]
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
        if not values[name]
    ]
    if missing:
        raise UsageError(
            f"there are no credentials for S3: {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set. Nothing was changed. "
            "Set them, or CARRYOVER_STORAGE_ACCESS_KEY_ID and _SECRET_ACCESS_KEY."
        )
    client = _connect(**{name.lower(): value for name, value in values.items()})
    return client, str(values["ACCESS_KEY_ID"])


def _setting(name: str, side: str) -> str | None:
    """A setting of one side, else of both, else of AWS."""
    own = [f"CARRYOVER_STORAGE_{side.upper()}_{name}"] if side else []
    for variable in (*own, f"CARRYOVER_STORAGE_{name}", *_OF_AWS[name]):
        if os.environ.get(variable):
            return os.environ[variable]
    return None


@cache
def _connect(
    endpoint: str | None,
    region: str | None,
    access_key_id: str | None,
    secret_access_key: str | None,
    session_token: str | None,
) -> Any:
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        aws_session_token=session_token,
        region_name=region or "us-east-1",
    )
    return session.client(
        "s3",
        endpoint_url=endpoint,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 5},
            max_pool_connections=workers() + 4,
            connect_timeout=10,
            read_timeout=60,
            # A bucket's name in the host needs a DNS of the server's own.
            s3={"addressing_style": "path" if endpoint else "auto"},
            # We send MD5s, which every server knows; the newer sums some do not.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
