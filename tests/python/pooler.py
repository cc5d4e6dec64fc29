"""A pooler between a client and a server, as small as it can be, for tests.

Speaks enough of PostgreSQL's protocol (its documentation, "Message Flow") to hand a
server connection to a client for a transaction or for a session, as pgbouncer does, and
to refuse ``options`` at the start of a session.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Literal

Mode = Literal["transaction", "rotating", "session"]

_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104
_OWN_PID = 4242
_SAID = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
_REFUSED = b"E" + struct.pack("!i", len(_SAID) + 4) + _SAID


class _Backend:
    """A connection to the server that has been through the start of a session."""

    def __init__(self, path: str, startup: bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(startup)
        self.greeting = b""
        while True:
            kind, message = _message(self.socket)
            if kind == b"S":
                self.greeting += message
            if kind == b"Z":
                return


class _Pooler:
    def __init__(self, parameters: Mapping[str, str], mode: Mode) -> None:
        self.path = f"{parameters['host']}/.s.PGSQL.{parameters['port']}"
        self.mode = mode
        self.idle: list[_Backend] = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, EOFError):
            startup = _startup(client)
            if b"\0options\0" in startup:
                client.sendall(_REFUSED)
                return
            kept = self.take(startup)
            key = struct.pack("!ii", _OWN_PID, 1)
            client.sendall(
                b"R"
                + struct.pack("!ii", 8, 0)
                + kept.greeting
                + b"K"
                + struct.pack("!i", 12)
                + key
                + b"Z"
                + struct.pack("!i", 5)
                + b"I"
            )
            if self.mode == "session":
                with kept.socket:
                    self.relay(client, startup, kept)
            else:
                self.release(kept)
                self.relay(client, startup, None)

    def relay(
        self, client: socket.socket, startup: bytes, backend: _Backend | None
    ) -> None:
        while True:
            kind, message = _message(client)
            if kind == b"X":
                return
            backend = backend or self.take(startup)
            backend.socket.sendall(message)
            if kind not in (b"Q", b"S"):
                continue
            kind = b""
            while kind != b"Z":
                kind, message = _message(backend.socket)
                client.sendall(message)
            if message.endswith(b"I") and self.mode != "session":
                self.release(backend)
                backend = None

    def take(self, startup: bytes) -> _Backend:
        with self.lock:
            if self.mode == "rotating" and len(self.idle) > 1:
                return self.idle.pop(0)
            if self.mode == "transaction" and self.idle:
                return self.idle.pop()
        return _Backend(self.path, startup)

    def release(self, backend: _Backend) -> None:
        with self.lock:
            self.idle.append(backend)


@contextmanager
def pooled(parameters: Mapping[str, str], mode: Mode) -> Iterator[dict[str, str]]:
    """Run a pooler before a server on a socket; libpq's keywords for the pooler."""
    pooler = _Pooler(parameters, mode)
    threading.Thread(target=pooler.accept, daemon=True).start()
    host, port = pooler.listener.getsockname()
    try:
        yield {**parameters, "host": host, "port": str(port)}
    finally:
        pooler.listener.close()
        for backend in pooler.idle:
            backend.socket.close()


def _startup(client: socket.socket) -> bytes:
    """Read the first message, which has no kind; encryption is declined."""
    while True:
        head = _exactly(client, 8)
        length, code = struct.unpack("!ii", head)
        if code not in (_SSL_REQUEST, _GSS_REQUEST):
            return head + _exactly(client, length - 8)
        client.sendall(b"N")


def _message(peer: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(peer, 5)
    (length,) = struct.unpack("!i", head[1:])
    return head[:1], head + _exactly(peer, length - 4)


def _exactly(peer: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = peer.recv(count - len(found))
        if not part:
            raise EOFError
        found += part
    return found
