"""Live pages: one watcher a server renders each page that is open somewhere, once for all who look at it.

An open page costs a connection and a place in a list. The watcher runs while a page is open. It asks for
heartbeats every second, and renders again every two seconds at most, and not more than a twentieth of the
time. Only what has changed is sent, compressed once for all. A reader that is slow gets the latest state,
never a backlog.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Final, Generic, TypeVar

from mission_control.web.pages.signals import NO_TROUBLE, Signal

MOST_TOPICS: Final = 200
"""How many different pages are kept live at once; those beyond get an event that says so."""

Key = TypeVar("Key")

_LOOK_EVERY: Final = 1.0
_RENDER_EVERY: Final = 2.0
_SHARE: Final = 20
_PAGES_A_SECOND: Final = 250
_KEEP_ALIVE: Final = 15.0
_GZIP_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def packed(message: bytes) -> bytes:
    """Return a message as a part of a gzip stream, which may follow any other part."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(message) + packing.flush(zlib.Z_FULL_FLUSH)


class _Topic:
    """A page that is open somewhere: what it looks like now, and who waits for it to change."""

    def __init__(self) -> None:
        self.readers = 0
        self.body: str | None = None
        self.message = self.packed = b""
        self.version = 0
        self.changed = asyncio.Event()

    def show(self, html: str) -> None:
        """Have all readers get this, if it is new."""
        message = b"".join(b"data: " + line.encode() + b"\n" for line in html.splitlines()) + b"\n"
        if message != self.message:
            self.message, self.packed, self.version = message, packed(message), self.version + 1
            self.changed.set()
            self.changed = asyncio.Event()


class LivePages(Generic[Key]):
    """Sends pages to all who have them open; `render` and `look` run in threads, one of each at a time."""

    def __init__(
        self, render: Callable[[Key], str], look: Callable[[], Signal], band: Callable[[Signal], str]
    ) -> None:
        self._render, self._look, self._band = render, look, band
        self._topics: dict[Key, _Topic] = {}
        self._signal = NO_TROUBLE
        self._looked_at = -_KEEP_ALIVE
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def signal(self) -> Signal:
        """Return the heartbeats, at most a second old."""
        if time.monotonic() - self._looked_at > _LOOK_EVERY:
            self._signal = await asyncio.to_thread(self._look)
            self._looked_at = time.monotonic()
        return self._signal

    async def stream(self, key: Key, *, packs: bool = False) -> AsyncIterator[bytes]:
        """Yield server-sent events, or as a gzip stream: the live part of a page, whenever it has changed."""
        shape = packed if packs else bytes
        if packs:
            yield _GZIP_HEAD
        if key not in self._topics and len(self._topics) >= MOST_TOPICS:
            yield shape(b"event: full\ndata: too many different pages are open; reload to see changes\n\n")
            return
        topic = self._topics.setdefault(key, _Topic())
        topic.readers += 1
        self._start()
        sent = 0
        try:
            yield shape(b": open\n\n")
            if topic.body is None:  # else it would know of no heartbeat until the others were rendered again
                await self._update(key, topic)
            while True:
                changed = topic.changed
                if topic.version != sent:
                    sent = topic.version
                    yield topic.packed if packs else topic.message
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), _KEEP_ALIVE)
                except TimeoutError:
                    yield shape(b": still here\n\n")
        finally:
            topic.readers -= 1
            if not topic.readers:
                self._topics.pop(key, None)

    def _start(self) -> None:
        """Start what has ended since the last page was closed; the one may have, and not the other."""
        for step in (self._watch, self._refresh):
            running = self._tasks.get(step.__name__)
            if running is None or running.done():
                self._tasks[step.__name__] = asyncio.create_task(step())

    async def _watch(self) -> None:
        """Look for heartbeats, and show at once when they come or go."""
        shown = self._signal
        while self._topics:
            if (found := await self.signal()) != shown:
                shown = found
                for topic in list(self._topics.values()):
                    self._show(topic)
            await asyncio.sleep(_LOOK_EVERY)

    async def _refresh(self) -> None:
        while self._topics:
            begun = time.monotonic()
            for key, topic in list(self._topics.items()):
                await self._update(key, topic)
            spent = time.monotonic() - begun
            readers = sum(topic.readers for topic in self._topics.values())
            await asyncio.sleep(max(_RENDER_EVERY, spent * _SHARE, readers / _PAGES_A_SECOND))

    async def _update(self, key: Key, topic: _Topic) -> None:
        try:
            topic.body = await asyncio.to_thread(self._render, key)
        except Exception as error:  # noqa: BLE001  # the others stay live
            what = {"message": f"page {key!r} cannot be rendered", "exception": error}
            asyncio.get_running_loop().call_exception_handler(what)
        self._show(topic)

    def _show(self, topic: _Topic) -> None:
        if topic.body is not None:
            topic.show(self._band(self._signal) + topic.body)
