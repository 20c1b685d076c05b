"""Every page of an installation with very many runs: how long until its first content, and its size."""

from __future__ import annotations

import statistics
import time
from typing import Final

import httpx

from benchmarks.figures import Round
from benchmarks.installed import install
from benchmarks.place import MeasurementError, Place
from benchmarks.web_server import start_services, start_web
from mission_control.installation.installation import Installation
from mission_control.web.pages.views.table import VIEWS

_TIMES: Final = 7
_FILES: Final = ("page.css", "page.js", "vendor/htmx-4.min.js", "vendor/hx-sse-4.min.js")


def measure_pages(tasks: int, runs: int) -> Round:
    """Measure each page: the median of seven requests, and the bytes on the wire as a browser gets them.

    The very first page of a server that has just begun to answer is measured apart, and how long it takes
    a server to answer.

    Raises:
        MeasurementError: a page could not be shown.
    """
    with Place() as place:
        installation = start_services(place)
        install(installation, tasks, runs)
        began = time.perf_counter()
        url, _ = start_web(place, installation)
        ready = (time.perf_counter() - began) * 1_000
        with httpx.Client(base_url=url, timeout=60, headers={"Accept-Encoding": "gzip"}) as client:
            first = _asked(client, "/")[0]
            pages = {name: _page(client, path) for name, path in _addresses(installation).items()}
            files = sum(_asked(client, f"/static/{name}")[1] for name in _FILES)
    return {
        "slowest_ms": max(took for took, _, _ in pages.values()),
        "largest_bytes": max(size for _, size, _ in pages.values()),
        "largest_unpacked_bytes": max(size for _, _, size in pages.values()),
        "first_of_all_ms": first,
        "server_ready_ms": ready,
        "style_and_scripts_bytes": files,
        **{f"{name}_ms": took for name, (took, _, _) in pages.items()},
        **{f"{name}_bytes": size for name, (_, size, _) in pages.items()},
    }


def _addresses(installation: Installation) -> dict[str, str]:
    run = installation.ledger.last_finished(limit=1)[0]
    known = {"task_id": run.task_id, "execution_id": run.execution_id}
    return {view.title.lower().replace(" ", "_"): view.address.format(**known) for view in VIEWS}


def _page(client: httpx.Client, path: str) -> tuple[float, float, float]:
    found = [_asked(client, path) for _ in range(_TIMES)]
    took, packed, unpacked = zip(*found, strict=True)
    return statistics.median(took), max(packed), max(unpacked)


def _asked(client: httpx.Client, path: str) -> tuple[float, float, float]:
    """Return when the first content came, in ms, and the bytes, as sent and unpacked."""
    began = time.perf_counter()
    with client.stream("GET", path) as answer:
        content = answer.iter_bytes()
        size = len(next(content))
        took = (time.perf_counter() - began) * 1_000
        size += sum(map(len, content))
        if not answer.is_success:
            raise MeasurementError(f"{path} was answered with {answer.status_code}")
        return took, answer.num_bytes_downloaded, size
