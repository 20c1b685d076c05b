"""A whole installation for the tests of one file: its own server, beat, worker and handlers."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from mission_control.configuration.settings import read_settings
from mission_control.dispatch.enqueue import Dispatch, RunOptions
from mission_control.installation.installation import Installation
from tests.processes.forked import ForkedFleet
from tests.stage.audit_stream import final_records_of, records_of
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mission_control.dispatch.run_handle import Run
    from mission_control.model.runs.run_record import RunRecord
    from mission_control.processes.fleet import Fleet

YEARLY = {"type": "cron", "expression": "0 0 29 2 *"}
"""A schedule that stays out of a test's way."""


@dataclass(frozen=True)
class LiveInstallation:
    """An installation on a server of its own; `fleet` is its beat and worker, started by `start()`."""

    installation: Installation
    server: RedisServer
    fleet: Fleet
    folder: Path

    def task(
        self,
        task_id: str,
        handler: str = "handlers.test_handler.run",
        *,
        catch_up: bool = False,
        **fields: Any,
    ) -> str:
        """Register a task that fires by itself only in leap years, and return its id."""
        definition = {"id": task_id, "schedule": YEARLY, "handler": handler, **fields}
        assert self.installation.registry.register(definition, catch_up=catch_up)
        return task_id

    def run(self, name: str, params: Mapping[str, Any] | None = None, **options: Any) -> Run:
        """Enqueue a task or a handler."""
        key = options.pop("idempotency_key", None)
        dispatch = Dispatch.of(self.installation)
        return dispatch.enqueue(name, params, RunOptions(**options), idempotency_key=key)

    def ended(self, run: Run, *, timeout: float = 15.0) -> RunRecord:
        """Return a run, once it is over and its final record is in the audit stream."""
        record = wait_until(
            lambda: (one := run.record) is not None and one.state.is_final and one,
            f"{run.execution_id} is over",
            timeout=timeout,
        )
        assert record
        wait_until(lambda: self.final_records(record), f"{run.execution_id} is in the audit stream")
        return record

    def records(self, record: RunRecord) -> list[dict[str, Any]]:
        """Return the audit records of a run in the order of its attempts."""
        found = records_of(self.installation, record.task_id)
        mine = [one for one in found if one["execution_id"] == record.execution_id]
        return sorted(mine, key=lambda one: one["attempt"] if one["attempt"] is not None else 0)

    def final_records(self, record: RunRecord) -> list[dict[str, Any]]:
        """Return the audit records that end a run; there should be one."""
        found = final_records_of(self.installation, record.task_id)
        return [one for one in found if one["execution_id"] == record.execution_id]


@contextmanager
def live_installation(
    handlers: Mapping[str, str] | None = None,
    *,
    start: bool = True,
    concurrency: int = 2,
    kind: type[Fleet] = ForkedFleet,
    **settings: Any,
) -> Iterator[LiveInstallation]:
    """Set up an installation with the sources of some handlers by module name, and end it all at exit.

    Its beat and worker are forked, unless another `kind` is named.
    """
    folder = Path(tempfile.mkdtemp(prefix="mc-test-"))
    (folder / "handlers").mkdir()
    for name, source in (handlers if handlers is not None else {}).items():
        (folder / "handlers" / f"{name}.py").write_text(dedent(source), "utf-8")
    with RedisServer() as server:
        ours = read_settings(
            **{
                "redis_url": server.url,
                "data_dir": folder / "data",
                "handlers": (folder / "handlers",),
                "notify": (),
                **settings,
            }
        )
        installation = Installation(ours)
        fleet = kind(installation.client, installation.settings, concurrency=concurrency)
        try:
            if start:
                fleet.start()
            yield LiveInstallation(installation, server, fleet, folder)
        finally:
            fleet.stop(0)
            installation.celery.close()
            installation.client.close()
            shutil.rmtree(folder, ignore_errors=True)
