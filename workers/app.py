"""The Celery application of the workers: `celery -A workers.app worker`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import billiard.pool
from celery import signals

from mission_control.dispatch.run_ending import RunEnding
from mission_control.installation.installation import create_app, installation_or_end
from workers.attempt.attempt import AttemptRunner
from workers.attempt.claim import Claimer
from workers.attempt.watch import Watch
from workers.call.failure_log import leave_out_our_frames
from workers.plain_clients.plain_runs import PlainRuns
from workers.plain_clients.unknown_handlers import UnknownHandlers
from workers.process.consumption import WatchdogStep
from workers.process.event_flush import EventFlushStep
from workers.process.hand_over import HandOverStep
from workers.process.heartbeat import HeartbeatStep
from workers.process.lease_keeper import LeaseKeeperStep
from workers.signals import SignalHook, connect_signals
from workers.tasks.handler_tasks import register_handlers

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

    from mission_control.installation.installation import Installation

# How often, at intervals of 0.1 s, a dying child asks whether its last result was read. By default for
# 30 s, in which a worker that is asked to stop hangs: its parent may be dying too, and reads no more.
_LAST_RESULT_TRIES: Final = 20


def build_app(installation: Callable[[], Installation]) -> Celery:
    """Return a Celery application that runs the handlers of an installation.

    The installation is asked for when Celery first uses the application: then the handlers are
    registered and the signal hook begins to listen.
    """
    app = create_app("workers", installation)
    app.steps["consumer"].add(HeartbeatStep)
    app.steps["consumer"].add(EventFlushStep)
    app.steps["worker"].update((HandOverStep, LeaseKeeperStep, WatchdogStep))

    @app.on_after_finalize.connect(weak=False)
    def set_up(**_: Any) -> None:  # noqa: ANN401  # a signal's arguments
        billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = _LAST_RESULT_TRIES
        ours = installation()
        ending = RunEnding.of(ours)
        plain_runs = PlainRuns(ours.registry, ending, ours.settings.allow_plain_producers)
        runner = AttemptRunner(Claimer(ending, plain_runs), ending, Watch(ending))
        register_handlers(app, ours.catalog, runner)
        unknown_handlers = UnknownHandlers(app, ours.client, ending, plain_runs)
        connect_signals(SignalHook(app, ending, plain_runs, unknown_handlers))
        leave_out_our_frames()
        signals.worker_process_shutdown.connect(settle, weak=False)

    def settle(**_: Any) -> None:  # noqa: ANN401
        # A pool's children end without Python's exit handlers.
        installation().audit.settle()

    return app


app = build_app(partial(installation_or_end, "the worker"))
