"""The audit directory cannot be written for a while: every record is written in the end, once."""

from __future__ import annotations

import multiprocessing
import os
import resource
import socket
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control import enqueue
from mission_control.audit.endings import audit_ending, audit_rejection
from mission_control.audit.stream.reader import read_all
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from mission_control.sweep.late_records import LateRecords
from tests.samples.ledger_runs import a_run, begun, lapse
from tests.stage.audit_stream import verified_changes, verified_runs
from tests.stage.full_device import no_space_for
from tests.stage.live_installation import YEARLY
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mission_control.installation.installation import Installation
    from mission_control.processes.fleet import Fleet

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
AT_ONCE = timedelta(0)
OTHER_USER = 65_534
RUNS = 12
TASK = {"id": "tea", "schedule": YEARLY, "handler": "handlers.hello.run"}


@contextmanager
def no_room_for_another_line(path: Path) -> Iterator[None]:
    """Let files of this process grow to some 100 bytes beyond the stream's size: a line is torn."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def no_space_on_the_device(path: Path) -> Iterator[None]:
    with no_space_for(path):
        yield


@contextmanager
def a_read_only_directory(path: Path) -> Iterator[None]:
    path.rename(f"{path}.1")  # an open file could be written to all the same
    path.parent.chmod(0o500)
    user = os.geteuid()
    if user == 0:
        os.seteuid(OTHER_USER)  # permissions do not bind root
    try:
        yield
    finally:
        os.seteuid(user)
        path.parent.chmod(0o700)


def end_a_run(installation: Installation, number: int) -> None:
    execution_id = f"tea@{number}"
    installation.ledger.dispatch(a_run(execution_id))
    begun = installation.ledger.begin(execution_id, 1, worker=f"celery@{socket.gethostname()}", at=NOW).run
    assert begun is not None
    ended = installation.ledger.end(begun, RunState.SUCCESS, at=NOW, output="x" * 200)
    assert ended is not None
    audit_ending(installation.audit, ended, at=NOW)


def recorded(installation: Installation) -> list[str]:
    return [one["execution_id"] for one in read_all(installation.settings.task_execution_log)]


def pending(installation: Installation) -> int:
    return installation.client.hlen(redis_keys.PENDING_RECORDS)


@pytest.mark.parametrize("trouble", [no_room_for_another_line, no_space_on_the_device, a_read_only_directory])
def test_records_that_a_full_disk_refused_are_written_later(
    installation: Installation, trouble: Callable[[Path], AbstractContextManager[None]]
) -> None:
    end_a_run(installation, 0)
    wait_until(lambda: pending(installation) == 0, "the first record is written")
    with trouble(installation.settings.task_execution_log):
        for number in range(1, RUNS):
            end_a_run(installation, number)
        assert LateRecords.of(installation).write(grace=AT_ONCE) == 0
        assert pending(installation) == RUNS - 1
    assert recorded(installation) == ["tea@0"]

    assert LateRecords.of(installation).write(grace=AT_ONCE) == RUNS - 1
    assert pending(installation) == 0
    assert sorted(recorded(installation)) == sorted(f"tea@{number}" for number in range(RUNS))
    assert verified_runs(installation).is_sound


def test_refusals_and_changes_that_a_full_disk_refused_are_written_later(installation: Installation) -> None:
    runs, changes = installation.settings.task_execution_log, installation.settings.task_changes_log
    assert installation.registry.register(TASK)
    refuse(installation, "before")
    with no_space_on_the_device(runs), no_space_on_the_device(changes):
        assert installation.registry.disable("tea")
        refuse(installation, "meanwhile")
        assert LateRecords.of(installation).write(grace=AT_ONCE) == 0
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 2
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 0

    assert late_records(runs, "reason") == [("before", None), ("meanwhile", True)]
    assert late_records(changes, "change") == [("registered", None), ("disabled", True)]
    assert verified_runs(installation).is_sound
    assert verified_changes(installation).is_sound


def refuse(installation: Installation, reason: str) -> None:
    handler = "handlers.gone.run"
    audit_rejection(installation.audit, handler=handler, execution_id="1", reason=reason, at=NOW)


def late_records(path: Path, field: str) -> list[tuple[str, bool | None]]:
    return [(one[field], one.get("repaired")) for one in read_all(path)]


def test_worker_killed_before_recording_a_loss_leaves_the_record_pending(installation: Installation) -> None:
    installation.ledger.dispatch(a_run())
    begun(installation.ledger)
    lapse(installation)
    begun(installation.ledger)
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 1
    (record,) = read_all(installation.settings.task_execution_log)
    assert (record["status"], record["delivery"], record["final"]) == ("worker_lost", 1, False)
    wait_until(lambda: pending(installation) == 0, "the record is written")
    assert LateRecords.of(installation).write(grace=AT_ONCE) == 0
    assert verified_runs(installation).is_sound


def test_killed_process_loses_no_record_and_writes_none_twice(installation: Installation) -> None:
    process = multiprocessing.get_context("fork").Process(target=end_runs_and_die, args=(installation,))
    process.start()
    process.join(30)
    assert process.exitcode == 9
    assert (len(recorded(installation)), pending(installation)) == (RUNS, RUNS + 1)

    assert LateRecords.of(installation).write(grace=AT_ONCE) == 1
    assert sorted(recorded(installation)) == sorted(f"tea@{number}" for number in range(RUNS + 1))
    assert (pending(installation), verified_runs(installation).counts) == (0, {})


def end_runs_and_die(installation: Installation) -> None:
    for number in range(RUNS):
        end_a_run(installation, number)
    installation.audit.append = lambda _: os._exit(9)  # type: ignore[method-assign, assignment]  # dies here
    end_a_run(installation, RUNS)


def test_worker_without_its_audit_file_keeps_running(installation: Installation, fleet: Fleet) -> None:
    assert fleet is not None
    stream = installation.settings.task_execution_log
    stream.parent.mkdir(parents=True, exist_ok=True)
    stream.symlink_to("/dev/full")
    runs = [enqueue("handlers.hello.run") for _ in range(3)]
    assert [run.wait(30)["status"] for run in runs] == ["success"] * 3
    wait_until(lambda: pending(installation) == 3, "the records of the runs are pending")
    stream.unlink()

    LateRecords.of(installation).write(grace=AT_ONCE)
    assert sorted(recorded(installation)) == sorted(run.execution_id for run in runs)
    assert verified_runs(installation).is_sound
