"""A network that breaks: between a client and the server, on a Unix socket.

Forwards every byte until it is told to cut, or to lose the answer to a COMMIT.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_BLOCK = 65_536


class Proxy:
    """Listens where ``parameters`` point, and forwards to the server of ``to``."""

    def __init__(self, to: Mapping[str, str]) -> None:
        self._to = str(Path(to["host"], f".s.PGSQL.{to['port']}"))
        self._folder = tempfile.mkdtemp(prefix="carryover-proxy-", dir="/tmp")
        self.parameters = {**to, "host": self._folder}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(Path(self._folder, f".s.PGSQL.{to['port']}")))
        self._listener.listen()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        #: A COMMIT after a statement with these words is done and never answered.
        self.lost_commit_after: bytes | None = None
        self.has_lost_commit = False

    def __enter__(self) -> Proxy:
        self._run(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _shut(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._ends):
            end.close()
        shutil.rmtree(self._folder)

    def cut(self) -> None:
        """Break every connection, without a word to either side."""
        for end in list(self._ends):
            _shut(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                self._ends += [client, server]
                server.connect(self._to)
                self._run(self._forward, client, server)
                self._run(_pump, server, client)

    def _run(self, work: Callable[..., None], *ends: socket.socket) -> None:
        thread = threading.Thread(target=work, args=ends, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        is_armed = False
        with suppress(OSError):
            while block := client.recv(_BLOCK):
                words = self.lost_commit_after
                is_armed = is_armed or bool(words and words in block)
                if is_armed and b"COMMIT" in block:
                    # Nothing that comes back from here on reaches the client.
                    self.has_lost_commit = True
                    _shut(client)
                    server.sendall(block)
                    return
                server.sendall(block)
        _shut(client)
        _shut(server)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(_BLOCK):
            sink.sendall(block)
    _shut(source)
    _shut(sink)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
