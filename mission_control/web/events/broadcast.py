"""Sends events to all who listen to this server: one look at Redis for all of them.

A listener that reads slowly has a short queue of its own. When that is full, its events are dropped, and it
is sent a `gap`, which it answers by reading the present state. While Redis cannot be reached, `trouble` is
sent once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from starlette.concurrency import run_in_threadpool

from mission_control.errors import StoreUnavailableError
from mission_control.store.connection import store_errors
from mission_control.web.events.event_log import Event, EventLog

Answer = TypeVar("Answer")
Shown = Callable[[Sequence[Event]], Sequence[Event]]

AS_THEY_COME: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""The headers of a stream of events: caches keep none, and a proxy such as nginx holds none back."""

MOST_LISTENERS: Final = 2_000
_QUEUED: Final = 256
_LOOK_EVERY: Final = 0.5
_ALIVE_EVERY: Final = 15.0
_ALIVE: Final = ": alive\n\n"


class Broadcast:
    """The listeners of one server. All methods belong to its event loop."""

    def __init__(self, log: Callable[[], EventLog], redis_url: str) -> None:
        self._make_log = log
        self._redis_url = redis_url
        self._listeners: set[asyncio.Queue[Event | str]] = set()
        self._task: asyncio.Task[None] | None = None
        self._last = 0

    @property
    def is_full(self) -> bool:
        """Whether no further listener is taken."""
        return len(self._listeners) >= MOST_LISTENERS

    async def listen(self, after: int | None, shown: Shown | None = None) -> AsyncIterator[str]:
        """Yield events as text of an event stream, from those after a number on; by default new ones.

        `shown` returns those that the listener may see; it is called in a thread, and may ask Redis.
        """
        queue: asyncio.Queue[Event | str] = asyncio.Queue(_QUEUED)
        self._listeners.add(queue)
        try:
            log = self._make_log()
            first, last = await run_in_threadpool(self._asked, log.ends)
            if self._task is None or self._task.done():
                self._last = last
                self._task = asyncio.create_task(self._look())
            sent = last if after is None else after
            if not first - 1 <= sent <= last:
                yield _gap(sent, last)
                sent = last
            while sent < last and (kept := await run_in_threadpool(self._asked, partial(log.after, sent))):
                yield "".join(map(_text, await self._those(kept, shown)))
                sent = kept[-1].number
            async for one in _arriving(queue):
                if isinstance(one, str):
                    yield one
                elif one.number > sent:
                    if one.number > sent + 1:
                        yield _gap(sent, one.number - 1)
                    for text in map(_text, await self._those([one], shown)):
                        yield text
                    sent = one.number
        finally:
            self._listeners.discard(queue)

    async def _those(self, events: Sequence[Event], shown: Shown | None) -> Sequence[Event]:
        return events if shown is None else await run_in_threadpool(self._asked, partial(shown, events))

    async def _look(self) -> None:
        log, is_well = self._make_log(), True
        while self._listeners:
            try:
                await run_in_threadpool(self._asked, log.notice)
                found = await run_in_threadpool(self._asked, partial(log.after, self._last))
            except StoreUnavailableError as error:
                if is_well:
                    self._send(f"event: trouble\ndata: {str(error).splitlines()[0]}\n\n")
                is_well = False
                found = []
            else:
                if not is_well:
                    self._send("event: well\ndata:\n\n")
                is_well = True
            for one in found:
                self._send(one)
                self._last = one.number
            await asyncio.sleep(0 if len(found) > _QUEUED else _LOOK_EVERY)

    def _asked(self, question: Callable[[], Answer]) -> Answer:
        with store_errors(self._redis_url):
            return question()

    def _send(self, one: Event | str) -> None:
        for queue in self._listeners:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
            queue.put_nowait(one)


async def _arriving(queue: asyncio.Queue[Event | str]) -> AsyncIterator[Event | str]:
    while True:
        try:
            yield await asyncio.wait_for(queue.get(), _ALIVE_EVERY)
        except TimeoutError:
            yield _ALIVE


def _text(one: Event) -> str:
    return f"id: {one.number}\nevent: {one.kind}\ndata: {one.data}\n\n"


def _gap(after: int, upto: int) -> str:
    return f'id: {upto}\nevent: gap\ndata: {{"after": {after}, "upto": {upto}}}\n\n'
