"""What Celery's revocation means for a run, as the ledger has it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ulid import ULID

from mission_control.audit.stream.reader import read_all
from mission_control.dispatch.run_control import RunControl
from mission_control.dispatch.run_ending import RunEnding
from mission_control.ledger.claims import BeginVerdict
from mission_control.model.runs.new_run import ad_hoc_run
from mission_control.model.runs.run_state import RunState
from workers.plain_clients.plain_runs import PlainRuns
from workers.plain_clients.unknown_handlers import UnknownHandlers
from workers.signals import SignalHook

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def revoke(installation: Installation, execution_id: str, *, expired: bool) -> None:
    app: Any = SimpleNamespace()
    request: Any = SimpleNamespace(id=execution_id)
    ending = RunEnding.of(installation)
    plain_runs = PlainRuns(ending, are_allowed=True)
    unknown_handlers = UnknownHandlers(app, installation.client, ending, plain_runs)
    hook = SignalHook(app, ending, plain_runs, unknown_handlers)
    hook.on_revoked(SimpleNamespace(app=app), request, expired)


def test_run_revoked_at_one_worker_is_stopped_by_the_worker_that_runs_it(installation: Installation) -> None:
    run = ad_hoc_run("handlers.hello.run", {}, ulid=str(ULID()), at=NOW, now=NOW, queue="default")
    installation.ledger.dispatch(run)
    installation.ledger.begin(run.execution_id, 1, worker="elsewhere", at=NOW)
    revoke(installation, run.execution_id, expired=True)
    before = installation.ledger.get(run.execution_id)
    revoke(installation, run.execution_id, expired=False)
    after = installation.ledger.get(run.execution_id)
    assert before is not None
    assert after is not None
    assert (before.state, before.cancel_requested) == ("running", None)
    assert (after.state, after.cancel_requested) == ("running", "revoked")


def test_waiting_run_that_is_revoked_is_cancelled(installation: Installation) -> None:
    run = ad_hoc_run("handlers.hello.run", {}, ulid=str(ULID()), at=NOW, now=NOW, queue="default")
    installation.ledger.dispatch(run)
    revoke(installation, run.execution_id, expired=False)
    stored = installation.ledger.get(run.execution_id)
    assert stored is not None
    assert (stored.state, stored.reason) == ("cancelled", "revoked")


def test_revoked_run_does_not_begin_although_every_worker_is_new(installation: Installation) -> None:
    """Neither one that waits, nor the next attempt of one that runs, nor one that is entered later."""
    ledger, control = installation.ledger, RunControl.of(installation)
    waiting, running, later = (
        ad_hoc_run("handlers.hello.run", {}, ulid=str(ULID()), at=NOW, now=NOW, queue="default")
        for _ in range(3)
    )
    ledger.dispatch(waiting)
    ledger.dispatch(running)
    begun = ledger.begin(running.execution_id, 1, worker="dies later", at=NOW).run
    assert begun is not None
    control.revoke([waiting.execution_id, running.execution_id, later.execution_id])
    cancelled = ledger.get(waiting.execution_id)
    assert cancelled is not None
    assert (cancelled.state, cancelled.reason) == ("cancelled", "revoked")
    (record,) = read_all(installation.settings.task_execution_log)
    assert (record["execution_id"], record["status"]) == (waiting.execution_id, "cancelled")
    ledger.end(begun, RunState.RETRYING, at=NOW)
    ledger.dispatch(later)
    for execution_id, attempt in ((running.execution_id, 2), (later.execution_id, 1)):
        reply = ledger.begin(execution_id, attempt, worker="new", at=NOW)
        assert (reply.verdict, reply.run and reply.run.cancel_requested) == (BeginVerdict.CANCEL, "revoked")
