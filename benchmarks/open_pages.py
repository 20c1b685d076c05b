"""Very many open pages of an installation at work: what they cost the server, and what each is sent."""

from __future__ import annotations

import asyncio
import time
from typing import Final
from urllib.parse import quote, urlsplit

from benchmarks.figures import Round
from benchmarks.installed import install
from benchmarks.place import MeasurementError, Place
from benchmarks.process_tree import cpu_seconds
from benchmarks.web_server import resident_bytes, start_services, start_web
from mission_control.installation.installation import Installation

_TASKS: Final = 100
_RUNS: Final = 10_000
_A_SECOND: Final = 3
_PAGES: Final = ("/", "/", "/", "/", "/tasks", "/tasks", "/runs", "/timeline", "/workers", "/analytics")
_WARM_UP: Final = 15.0


def measure_open_pages(pages: int, seconds: float) -> Round:
    """Open pages, six different ones, while three runs a second end, and measure for some seconds.

    Raises:
        MeasurementError: a page was closed, or has not been updated.
    """
    with Place() as place:
        installation = start_services(place)
        install(installation, _TASKS, _RUNS)
        url, web = start_web(place, installation)
        _keep_busy(installation)
        return asyncio.run(_measured(url, web.pid, pages, seconds))


def _keep_busy(installation: Installation) -> None:
    for number in range(_A_SECOND):
        schedule = {"type": "interval", "seconds": 1}
        given = {"id": f"busy_{number}", "handler": "handlers.nothing.run", "schedule": schedule}
        installation.registry.register(given)


async def _measured(url: str, pid: int, pages: int, seconds: float) -> Round:
    received, place = [0] * pages, urlsplit(url)
    for path in dict.fromkeys(_PAGES):  # all is loaded, once each page was shown
        await _read_page(place.port, path)
    before = resident_bytes(pid)
    readers = [asyncio.create_task(_read_events(place.port, received, at)) for at in range(pages)]
    await asyncio.sleep(_WARM_UP)
    began, cpu, opened = time.perf_counter(), cpu_seconds([pid]), list(received)
    await asyncio.sleep(seconds)
    spent, took = cpu_seconds([pid]) - cpu, time.perf_counter() - began
    sent = [now - then for now, then in zip(received, opened, strict=True)]
    memory = resident_bytes(pid) - before
    if any(reader.done() for reader in readers) or not all(opened) or not sum(sent):
        raise MeasurementError(f"{sum(one.done() for one in readers)} pages were closed")
    for reader in readers:
        reader.cancel()
    return {
        "cpu_seconds_a_second": spent / took,
        "memory_bytes_a_page": memory / pages,
        "first_bytes_a_page": sum(opened) / pages,
        "bytes_a_page_and_second": sum(sent) / pages / took,
    }


async def _ask(port: int | None, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    headers = "Host: 127.0.0.1\r\nAccept-Encoding: gzip\r\nConnection: close\r\n"
    writer.write(f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode())
    return reader, writer


async def _read_page(port: int | None, path: str) -> None:
    reader, writer = await _ask(port, path)
    await reader.read()
    writer.close()


async def _read_events(port: int | None, received: list[int], at: int) -> None:
    await asyncio.sleep(at / 500)
    reader, _writer = await _ask(port, f"/live?view={quote(_PAGES[at % len(_PAGES)], safe='')}")
    while some := await reader.read(65_536):
        received[at] += len(some)
