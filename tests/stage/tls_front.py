"""TLS in front of a server that has none: real certificates, real handshakes."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    import trustme

_CHUNK = 65_536
_TLS_HANDSHAKE = b"\x16"


class TlsFront:
    """Passes connections on to a local port, from its construction to the end of the `with` statement.

    Those that begin with a handshake are decrypted; others pass as they are, and are counted in `plain`:
    a Sentinel without TLS has to reach the server under the same address as its clients.
    """

    def __init__(self, target_port: int, authority: trustme.CA) -> None:
        self._target_port = target_port
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(self._context)
        self.plain = 0
        self.encrypted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port = int(self._listener.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.Task[None]] = set()
        self._accepting = self._loop.create_task(self._accept())
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._accepting.cancel)
        self._thread.join(timeout=10)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._accepting)
        self._loop.run_until_complete(self._hang_up())
        self._loop.close()

    async def _hang_up(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self) -> None:
        while True:
            near, _ = await self._loop.sock_accept(self._listener)
            task = self._loop.create_task(self._connect(near))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _connect(self, near: socket.socket) -> None:
        with suppress(OSError, asyncio.IncompleteReadError), near:
            is_encrypted = await self._begins_with_a_handshake(near)
            self.encrypted += is_encrypted
            self.plain += not is_encrypted
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol, near, ssl=self._context if is_encrypted else None
            )
            writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
            await self._pass_on(reader, writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            try:
                await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
            finally:
                await _abort(far_writer)
        finally:
            await _abort(writer)

    async def _begins_with_a_handshake(self, near: socket.socket) -> bool:
        readable = asyncio.Event()
        self._loop.add_reader(near, readable.set)
        try:
            await readable.wait()
        finally:
            self._loop.remove_reader(near)
        return near.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
    target.close()


async def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
