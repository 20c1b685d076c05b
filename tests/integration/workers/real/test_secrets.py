"""Secrets on real processes: the handler gets them, and no other place has them."""

from __future__ import annotations

from contextlib import closing
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery

from mission_control.model.values.identifiers import plain_execution_id
from tests.processes.real_workers import WorkerHouse, WorkerProcess, worker_house
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from redis import Redis

KEY = "k3y-of-the-front-door"
PIN = 47_110_815
BODY = "body-of-a-plain-message"
LEAKY = '''
    """A handler that tells all it knows."""
    import logging, sys
    from pathlib import Path


    def run(context):
        """Note what it was given, tell everyone, and fail if the params say so."""
        params = context["params"]
        known = f"{params['door']['key']} {params['pin']}"
        Path(params["seen"]).write_text(known)
        print("printed", known)
        sys.stderr.write(f"written {known}\\n")
        sys.stdout.buffer.write(f"as bytes {known}\\n".encode())
        logging.getLogger("leaky").warning("logged %s", known)
        try:
            raise KeyError(known)
        except KeyError:
            logging.exception("caught")
        if params["fails"]:
            raise RuntimeError(f"cannot open with {known}")
        return {"status": "success", "output": {"used": [known]}, "error": None}
'''


@pytest.fixture(scope="module")
def house() -> Iterator[WorkerHouse]:
    with worker_house() as house:
        (house.folder / "handlers" / "leaky.py").write_text(dedent(LEAKY), "utf-8")
        yield house


@pytest.fixture(scope="module")
def worker(house: WorkerHouse) -> Iterator[WorkerProcess]:
    options = ("--loglevel", "DEBUG")
    with house.worker(concurrency=2, environment={"FRONT_DOOR": KEY}, options=options) as worker:
        yield worker


def add_task(house: WorkerHouse, task_id: str, seen: Path, **params: Any) -> None:
    registry = house.installation.registry
    definition = {
        "id": task_id,
        "schedule": {"type": "once", "at": "2099-01-01T00:00Z"},
        "handler": "handlers.leaky.run",
        "params": {"door": {"key": {"secret": "env:FRONT_DOOR"}}, "pin": PIN, "seen": str(seen), **params},
        "secret": ["pin"],
        "retry_policy": {"max_retries": 0},
    }
    registry.add(registry.check.parse_new({**definition, "fresh_process": task_id == "apart"}))


def everything_in(client: Redis) -> str:
    readers: dict[str, Callable[[str], Any]] = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "zset": lambda key: client.zrange(key, 0, -1),
        "stream": client.xrange,
        "none": str,  # it has expired meanwhile
    }
    return "\n".join(f"{key}: {readers[str(client.type(key))](key)}" for key in client.scan_iter())


def written_by(house: WorkerHouse) -> dict[str, str]:
    """Return the contents of the logs: the worker's, the audit streams, and those of runs."""
    files = [
        *house.installation.settings.data_dir.glob("logs/*"),
        *house.installation.settings.data_dir.glob("*.log"),
    ]
    return {file.name: file.read_text("utf-8", "replace") for file in files if file.is_file()}


@pytest.mark.parametrize(("task_id", "fails"), [("door", False), ("jammed", True), ("apart", False)])
def test_secret_reaches_the_handler_and_no_log_record_or_key(
    house: WorkerHouse, worker: WorkerProcess, tmp_path: Path, task_id: str, fails: bool
) -> None:
    seen = tmp_path / "seen"
    add_task(house, task_id, seen, fails=fails)
    run = house.run(task_id)
    record = wait_until(
        lambda: [one for one in records_of(house.installation, task_id) if one["final"]], "it is recorded"
    )[0]
    assert seen.read_text() == f"{KEY} {PIN}"
    assert record["status"] == ("failure" if fails else "success")
    assert "*** ***" in str(record["error" if fails else "output"])
    assert run.record is not None
    assert (run.record.output, fails) in [({"used": ["*** ***"]}, False), (None, True)]
    assert "printed *** ***" in worker.log
    assert "logged *** ***" in worker.log
    for name, text in written_by(house).items():
        assert KEY not in text, name
        assert str(PIN) not in text, name
    with house.server.client() as client:
        assert KEY not in everything_in(client)


def test_reference_that_cannot_be_resolved_fails_the_attempt_with_the_remedy(
    house: WorkerHouse, worker: WorkerProcess, tmp_path: Path
) -> None:
    assert worker.exit_code is None
    add_task(house, "locked", tmp_path / "seen", fails=False, spare={"secret": f"file:{tmp_path}/absent"})
    house.run("locked")
    (record,) = wait_until(lambda: records_of(house.installation, "locked"), "it is recorded")
    assert (record["status"], record["final"]) == ("failure", True)
    assert record["error"] == (
        f"params.spare: the worker cannot read {tmp_path}/absent: No such file or directory"
    )
    assert not (tmp_path / "seen").exists()


def test_plain_message_is_shown_nowhere_and_may_not_refer_to_secrets(
    house: WorkerHouse, worker: WorkerProcess
) -> None:
    gate = house.gate("plain")
    with closing(Celery("bare", broker=house.server.url, set_as_current=False)) as bare:
        unknown = bare.send_task("handlers.absent.run", kwargs={"params": {"note": BODY}}, queue="default")
        params = {"gate": str(gate), "note": BODY}
        bare.send_task("handlers.gated.run", kwargs={"params": params}, queue="default")
        greedy = bare.send_task(
            "handlers.hello.run", kwargs={"params": {"name": {"secret": "env:FRONT_DOOR"}}}, queue="default"
        )
        wait_until(lambda: house.runs_of("plain"), "the plain run has begun")
        (active,) = wait_until(lambda: bare.control.inspect().active(), "the worker answers").values()
        gate.touch()
    assert active[0]["kwargs"] == "***"
    refused = wait_until(
        lambda: [
            one
            for one in records_of(house.installation, "handlers.hello.run")
            if one["execution_id"] == plain_execution_id(greedy.id)
        ],
        "the reference is refused",
    )[0]
    assert (refused["status"], refused["reason"][:24]) == ("rejected", "params refer to a secret")
    wait_until(
        lambda: plain_execution_id(unknown.id) in worker.log, "the message for an unknown handler was seen"
    )
    wait_until(lambda: records_of(house.installation, "handlers.gated.run"), "the plain run is recorded")
    for name, text in written_by(house).items():
        assert BODY not in text, name
