"""A TCP proxy for tests, whose connections can be cut, or go quiet, like a network's."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK = 65_536


class TcpProxy:
    """Passes connections on to a local port, from its construction to the end of the `with` statement."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._is_cut = False
        self._unwanted = b""
        self._silent: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> int:
        """Break all connections, and refuse new ones until `restore()`; return how many there were."""
        with self._lock:
            self._is_cut = True
            cut, self._open = self._open, []
        for connection in cut:
            _end(connection)
        return len(cut) // 2

    def swallow(self) -> int:
        """Keep all connections open and pass nothing on from now on; new ones pass. Return how many."""
        with self._lock:
            self._silent |= set(self._open)
            return len(self._open) // 2

    def cut_at(self, answer: bytes) -> None:
        """Break a connection, from now on, in the place of passing on what begins with `answer`."""
        self._unwanted = answer

    def restore(self) -> None:
        """Let connections pass again."""
        self._is_cut = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join(timeout=5)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._target_port), timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        with self._lock:
            is_cut = self._is_cut
            if not is_cut:
                self._open += [near, far]
        if is_cut:
            _end(near)
            _end(far)
            return
        for source, target in ((near, far), (far, near)):
            thread = threading.Thread(target=self._pass_on, args=(source, target), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                if self._unwanted and data.startswith(self._unwanted):
                    break
                if source not in self._silent:
                    target.sendall(data)
        _end(source)
        _end(target)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
