"""What every test may ask for: a clean installation on a real Redis, and real processes on top of it."""

from __future__ import annotations

import compileall
import gc
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from itertools import chain, groupby, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.installation.installation import Installation, current_installation
from tests.house.repository import ROOT
from tests.processes.forked import ForkedFleet
from tests.stage.compiled_tests import compile_tests
from tests.stage.servers import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mission_control.processes.fleet import Fleet
    from tests.processes.real_workers import WorkerHouse

pytest_plugins = ["tests.stage.packed_reports"]


def pytest_configure() -> None:
    """Let signals do what they do: in the background, or under `nohup`, all processes would ignore some."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile everything once: hundreds of processes start, and the environment may forbid them to.

    Of the tests, each worker of pytest-xdist compiles its share before it imports them all.
    """
    worker: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    if worker is None:
        for package in ("mission_control", "beat", "workers", "benchmarks", "tests"):
            compileall.compile_dir(ROOT / package, quiet=2, rx=re.compile(r"/(test_\w+|conftest)\.py$"))
    else:
        share = slice(int(worker["workerid"].removeprefix("gw")), None, worker["workercount"])
        compile_tests(sorted((ROOT / "tests").rglob("test_*.py"))[share], session.config)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for garbage among the thousands of tests neither while they are collected nor later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that take long, the longest first, between the first of those that mostly compute."""
    files = [list(group) for _, group in groupby(items, key=lambda item: item.path)]
    waiting = sorted((one for one in files if _mostly_waits(one[0])), key=lambda one: -_seconds(one[0]))
    others = [one for one in files if not _mostly_waits(one[0])]
    step = max(1, len(others) * 2 // 3 // max(1, len(waiting)))
    portions = (others[at : at + step] for at in range(0, len(others), step))
    pairs: Iterable[Any] = zip_longest(waiting, portions, fillvalue=())
    items[:] = [item for first, more in pairs for item in chain(first, *more)]


def _mostly_waits(item: pytest.Item) -> bool:
    return item.get_closest_marker("starts_early") is not None or item.path.parent.name == "faults"


def _seconds(item: pytest.Item) -> int:
    """About how long the longest files take on a machine at work; it decides only which begins first."""
    marker = item.get_closest_marker("starts_early")
    return int(marker.args[0]) if marker and marker.args else 0


@pytest.fixture(scope="session", autouse=True)
def _no_inherited_variables() -> Iterator[None]:
    """Forget the width that pytest-xdist gives its workers, how `./mc test` was typed, and what some set."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("COLUMNS", "LINES", "MC_COMMAND", "PYTHONUNBUFFERED"):
            environment.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _temporary_files() -> Iterator[None]:
    """Keep the temporary files of processes in a folder: one that is killed leaves some."""
    folder = Path(tempfile.mkdtemp(prefix="mc-test-tmp-"))
    folder.chmod(0o1777)  # for processes of other users, too
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TMPDIR", str(folder))
        yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for the whole session; `installation` empties it for each test."""
    with RedisServer(appendonly=True) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_late_reports() -> Iterator[None]:
    """End the timers of audit streams: they would report this test's records to the next test's Redis."""
    yield
    while timers := [one for one in threading.enumerate() if isinstance(one, threading.Timer)]:
        for timer in timers:
            timer.cancel()
            timer.join()


@pytest.fixture(autouse=True)
def _same_places_of_modules() -> Iterator[None]:
    """Require that a test leaves `sys.path` as it was: what later ones start would find other modules."""
    before = sys.path[:]
    yield
    assert sys.path == before


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Forget the settings of the user who runs the tests; data and handlers are in the test's own folder."""
    for name in os.environ:
        if name.startswith("MISSION_CONTROL_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setenv("MISSION_CONTROL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MISSION_CONTROL_HANDLERS", str(tmp_path / "handlers"))
    return monkeypatch


@pytest.fixture
def installation(bare_environment: pytest.MonkeyPatch, redis_server: RedisServer) -> Installation:
    """The installation that the environment describes, with nothing in it."""
    bare_environment.setenv("MISSION_CONTROL_REDIS_URL", redis_server.url)
    with redis_server.client() as client:
        client.flushall()
    return current_installation()


@pytest.fixture
def fleet(installation: Installation) -> Iterator[Fleet]:
    """A real beat and a real worker, doing their work."""
    fleet = ForkedFleet(installation.client, installation.settings, concurrency=2)
    fleet.start()
    try:
        yield fleet
    finally:
        fleet.stop(0)


@pytest.fixture
def house() -> Iterator[WorkerHouse]:
    """Real workers on a server of their own, started by the test."""
    from tests.processes.real_workers import worker_house

    with worker_house() as house:
        yield house
