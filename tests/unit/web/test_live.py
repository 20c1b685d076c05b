"""Open pages stay live when another one is closed, or cannot be rendered."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator

import pytest

from mission_control.web.pages import live
from mission_control.web.pages.live import LivePages
from mission_control.web.pages.signals import NO_TROUBLE, Signal

SILENT = Signal("beat", "No signal from beat", "")


class Desk:
    """What pages are made from: a page called "broken" cannot be rendered."""

    def __init__(self) -> None:
        self.signal = NO_TROUBLE
        self.pages = LivePages[str](self.rendered, lambda: self.signal, lambda signal: signal.problem)

    def rendered(self, key: str) -> str:
        if key == "broken":
            raise KeyError(key)
        return f"[{key}]"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(live, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(live, "_RENDER_EVERY", 0.2)
    return Desk()


async def next_with(events: AsyncIterator[bytes], text: str) -> None:
    async for event in events:
        if text.encode() in event:
            return


def test_page_opened_as_the_last_one_is_closed_still_hears_that_beat_is_silent(desk: Desk) -> None:
    async def act() -> None:
        first = desk.pages.stream("first")
        await next_with(first, "[first]")
        await first.aclose()  # type: ignore[attr-defined]
        await desk.pages._tasks["_watch"]  # the refreshing goes on for longer
        second = desk.pages.stream("second")
        await next_with(second, "[second]")
        desk.signal = SILENT
        await next_with(second, "No signal from beat")

    asyncio.run(asyncio.wait_for(act(), 60))


def test_page_opened_while_the_others_rest_hears_at_once_that_beat_is_silent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_RENDER_EVERY", 1_000.0)

    async def act() -> None:
        first, second = desk.pages.stream("first"), desk.pages.stream("second")
        await next_with(first, "[first]")
        assert await anext(second) == b": open\n\n"
        desk.signal = SILENT
        await next_with(second, "No signal from beat[second]")

    asyncio.run(asyncio.wait_for(act(), 60))


def test_page_that_cannot_be_rendered_stops_no_other(desk: Desk) -> None:
    async def act() -> None:
        reported = asyncio.Queue[str]()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reported.put_nowait(context["message"]))
        broken, sound = desk.pages.stream("broken"), desk.pages.stream("sound")
        assert await anext(broken) == b": open\n\n"
        waiting = asyncio.ensure_future(anext(broken))
        await next_with(sound, "[sound]")
        assert await reported.get() == "page 'broken' cannot be rendered"
        desk.signal = SILENT
        await next_with(sound, "No signal from beat[sound]")
        waiting.cancel()

    asyncio.run(asyncio.wait_for(act(), 60))


def test_packed_messages_are_read_by_one_who_comes_later_and_are_the_same_for_all(desk: Desk) -> None:
    async def act() -> None:
        streams = [desk.pages.stream("first", packs=True) for _ in range(2)]
        readers = [zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) for _ in streams]
        sent = list[bytes]()
        for stream, reader in zip(streams, readers, strict=True):
            text = b""
            while b"[first]" not in text:
                sent.append(await anext(stream))
                text += reader.decompress(sent[-1])
        assert sent[2] is sent[-1]
        desk.signal = SILENT
        for stream, reader in zip(streams, readers, strict=True):
            assert reader.decompress(await anext(stream)) == b"data: No signal from beat[first]\n\n"

    asyncio.run(asyncio.wait_for(act(), 60))
