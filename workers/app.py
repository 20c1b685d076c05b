"""The Celery application of the workers: `celery -A workers.app worker`."""

import os
import warnings
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

import billiard.pool
from celery import Celery, bootsteps, signals
from celery.exceptions import SecurityWarning

from mission_control.dispatch.run_control import RunControl
from mission_control.dispatch.run_ending import RunEnding
from mission_control.installation.installation import Installation, create_app, installation_or_end
from mission_control.messaging.celery_logging import leave_standard_error_to_records
from mission_control.processes.heartbeats import common_settings
from workers.attempt.attempt import AttemptRunner
from workers.attempt.attempt_guard import AttemptGuard
from workers.attempt.claim import Claimer
from workers.call.attempt_log import LogSender
from workers.call.child_processes import allow_own_children
from workers.call.failure_log import leave_out_our_frames
from workers.call.handler_params import SecretSources
from workers.plain_clients.celery_reports import leave_out_bodies
from workers.plain_clients.plain_runs import PlainRuns
from workers.plain_clients.unknown_handlers import UnknownHandlers
from workers.process.beat_watch import LEAST_SILENCE, BeatWatch, BeatWatchStep
from workers.process.connection_log import name_lost_connections
from workers.process.consumer_watchdog import WatchdogStep
from workers.process.early_start import ChildDispatchStep, EventBatchStep
from workers.process.heartbeat import HeartbeatStep
from workers.process.lease_keeper import LeaseKeeperStep
from workers.process.reload import RELOAD_OPTION, ReloadStep
from workers.process.remote_control import RemoteControl, make_revoke_durable
from workers.process.stop_grace import StopGrace
from workers.signals import SignalHook, connect_signals
from workers.tasks.handler_tasks import HandlerTasks
from workers.tasks.spawned_process import begin_spawned_processes_here

# How often, at intervals of 0.1 s, a dying child asks whether its last result was read. Celery's default
# makes a worker that stops hang for 30 s if its parent dies too, and reads no more.
_LAST_RESULT_TRIES: Final = 20


def build_app(installation: Callable[[], Installation]) -> Celery:
    """Return a Celery application that runs the handlers of an installation.

    The installation is built when Celery first uses the application, and taken apart here: every part of a
    worker names what it needs of it.
    """
    app = create_app("workers", installation)
    app.steps["worker"].add(ChildDispatchStep)
    app.steps["consumer"].add(EventBatchStep)
    app.user_options["worker"].add(RELOAD_OPTION)

    @app.on_after_finalize.connect(weak=False)
    def set_up(**_: Any) -> None:  # noqa: ANN401  # a signal's arguments
        billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = _LAST_RESULT_TRIES
        _assemble(app, installation())
        leave_out_our_frames()
        name_lost_connections()
        leave_out_bodies()
        # Before Celery warns of something.
        signals.celeryd_init.connect(records_alone, weak=False)
        signals.worker_process_init.connect(allow_own_children, weak=False)
        signals.worker_init.connect(begin_spawned_processes_here, weak=False)
        # A pool's children end without Python's exit handlers.
        signals.worker_process_shutdown.connect(confirm_records, weak=False)

    def records_alone(**_: Any) -> None:  # noqa: ANN401
        # Root is usual in a container. What is bad about it is pickle, which no worker of ours accepts.
        warnings.filterwarnings("ignore", r"\s*You're running the worker with superuser", SecurityWarning)
        leave_standard_error_to_records(installation().settings.log_format)

    def confirm_records(**_: Any) -> None:  # noqa: ANN401
        installation().audit.flush()

    return app


def _assemble(app: Celery, ours: Installation) -> None:
    ending = RunEnding.of(ours)
    guard = AttemptGuard(ending)
    sender = LogSender(ours.client, most=ours.settings.run_log_lines, keep=ours.settings.retention)
    plain_runs = PlainRuns(ending, ours.settings.allow_plain_producers)
    sources = SecretSources(ours.settings.secrets_allow, ours.settings.data_dir, os.environ)
    claimer, environment = Claimer(ending, plain_runs), ours.settings.environment()
    runner = AttemptRunner(claimer, ending, guard, sender, environment, sources)
    handlers = HandlerTasks(app, ours.catalog, runner)
    handlers.load()
    unknown_handlers = UnknownHandlers(app, ours.client, ending, plain_runs)
    make_revoke_durable(RunControl(ending, ours.client, app))
    control = RemoteControl(ours.changes, ours.clock, allows_changes=ours.settings.allow_remote_control)
    app.control.mailbox.node_cls = control.node
    connect_signals(SignalHook(app, ending, plain_runs, unknown_handlers))
    signals.worker_shutting_down.connect(StopGrace(ours.settings.stop_grace_seconds).begin, weak=False)
    app.steps["worker"].add(_given(LeaseKeeperStep, ledger=ours.ledger))
    app.steps["worker"].add(_given(WatchdogStep, client=ours.client, guard=guard))
    watch = BeatWatch(
        ours.client,
        lambda: ours.registry,
        ours.redbeat_keys,
        ending,
        silence=max(LEAST_SILENCE, timedelta(seconds=2 * ours.settings.leader_seconds)),
        queue=ours.settings.queues[0],
    )
    app.steps["worker"].add(_given(BeatWatchStep, watch=watch))
    app.steps["consumer"].add(
        _given(
            HeartbeatStep,
            client=ours.client,
            handlers=handlers,
            guard=guard,
            control=control,
            channels=[name for name, _ in ours.settings.notify],
            common=common_settings(ours.settings),
        )
    )
    app.steps["consumer"].add(_given(ReloadStep, handlers=handlers))


def _given(step: type[bootsteps.Step], **parts: object) -> type[bootsteps.Step]:
    """Return the step with its parts: Celery makes the object, and passes it only the worker or consumer."""
    subclass: type[bootsteps.Step] = bootsteps.StepType(
        step.__name__, (step,), {"__module__": step.__module__, **parts}
    )
    return subclass


app = build_app(partial(installation_or_end, "the worker"))
