"""Stores to test on: folders, and an S3 server that speaks HTTP, once for the session.

The server is moto's, in a process of its own, so that what it holds is not counted to a
task and a killed task does not take it along.
"""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.storage import opening
from tests.python.storage import world

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """A running S3 server; its endpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _wait_for(endpoint, server)
        yield endpoint
    finally:
        server.kill()
        server.wait()


def _wait_for(endpoint: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert server.poll() is None, "the S3 server ended"
        try:
            with urllib.request.urlopen(f"{endpoint}/moto-api/"):  # noqa: S310
                return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError("the S3 server does not answer")


@pytest.fixture
def s3(
    s3_server: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The environment of tasks that use the server; every test has its own buckets."""
    with urllib.request.urlopen(  # noqa: S310
        urllib.request.Request(f"{s3_server}/moto-api/reset", method="POST")  # noqa: S310
    ):
        pass
    variables = {
        "CARRYOVER_STORAGE_ENDPOINT": s3_server,
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "a-secret-that-must-not-show",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    opening._connect.cache_clear()
    return {**environment, **variables}


@pytest.fixture(params=["folder", "s3"])
def places(request: pytest.FixtureRequest) -> dict[str, str]:
    """What each bucket is called, once as a folder and once on S3."""
    if request.param == "folder":
        found: dict[str, str] = request.getfixturevalue("folders")
        return found
    request.getfixturevalue("s3")
    buckets = (world.ATTACHMENTS, world.NOTES, world.TARGET)
    return {name: f"s3://{name}" for name in buckets}


@pytest.fixture
def folders(tmp_path: Path, environment: dict[str, str]) -> dict[str, str]:
    """The URLs of a folder for each bucket, in ``tmp_path``."""
    return {
        name: (tmp_path / "stores" / name).as_uri()
        for name in (world.ATTACHMENTS, world.NOTES, world.TARGET)
    }
