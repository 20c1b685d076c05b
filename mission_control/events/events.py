"""Every log event, with its name, its level, its fields and its sentence.

Events go through the standard logger `mission_control`, so any handler of the logging module receives them.
An event is named as its function here: the name, the field `event`, is stable; the sentence is for people.

This file has more than 250 lines because a reader of a log looks for an event in one place.
"""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from logging import DEBUG, ERROR, INFO, WARNING
from typing import Final, ParamSpec

from mission_control.events.outages import Outage
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.printable_text import escaped
from mission_control.store.troubles import in_words, trouble_words

_Fields = dict[str, object]
_P = ParamSpec("_P")

_MOST_NAMED: Final = 20
_MOST_PROBLEMS_NAMED: Final = 5
_LINES_OF: Final = {"traceback": "\n\t"}

_logger: Final = logging.getLogger("mission_control")

OUTAGES: Final = {"ledger": Outage(), "broker": Outage()}
"""The outages of Redis as this process has seen them, and sees them."""


def _event(
    level: int, sentence: str, *, with_trace: bool = False
) -> Callable[[Callable[_P, _Fields | None]], Callable[_P, None]]:
    """Make a function log the event that bears its name.

    The function returns the event's fields; without an answer they are its arguments.
    """

    def logs(fields_of: Callable[_P, _Fields | None]) -> Callable[_P, None]:
        names = fields_of.__code__.co_varnames

        @functools.wraps(fields_of)
        def log(*args: _P.args, **kwargs: _P.kwargs) -> None:
            if _logger.isEnabledFor(level):
                found = fields_of(*args, **kwargs)
                fields = {**dict(zip(names, args, strict=False)), **kwargs} if found is None else found
                _log(level, sentence, {"event": fields_of.__name__, **fields}, with_trace)

        return log

    return logs


def _log(level: int, sentence: str, fields: Mapping[str, object], with_trace: bool = False) -> None:
    # Each field is also an attribute of the log record, for handlers that write JSON.
    trace = next((value for value in fields.values() if isinstance(value, BaseException)), None)
    known = {name: _shown(value) for name, value in fields.items() if value is not None}
    shown = " ".join(
        f"{name}={escaped(str(value), but=_LINES_OF.get(name, ''))}" for name, value in known.items()
    )
    extra = {"sentence": sentence, **known}
    _logger.log(level, "%s  %s", sentence, shown, extra=extra, exc_info=trace if with_trace else None)


def _shown(value: object) -> object:
    return f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else value


def runs_fired(execution_ids: Sequence[str]) -> None:
    """Beat fired runs; if there are many, only their number and the first are logged."""
    if len(execution_ids) <= _MOST_NAMED:
        for execution_id in execution_ids:
            run_fired(execution_id)
    else:
        many_runs_fired(len(execution_ids), execution_ids[0])


@_event(ERROR, "the installation does not work")
def alarm_began(alarm: str, problem: str) -> None:
    """No beat fires, or no worker serves a queue on which runs wait."""


@_event(INFO, "the installation works again")
def alarm_ended(alarm: str, lasted: str) -> None:
    """What an alarm was about is over."""


@_event(WARNING, "the heartbeat does not reach its monitor; this is logged once")
def heartbeat_failed(problem: str) -> None:
    """The monitor of MISSION_CONTROL_HEARTBEAT_URL did not take a ping, or not with a success."""


@_event(INFO, "the heartbeat reaches its monitor")
def heartbeat_arrives() -> None:
    """The monitor took a ping, the first one or the first after a failure."""


@_event(WARNING, "a run is late, and goes on")
def run_late(run: RunRecord, why: str) -> _Fields:
    """A run has passed one of its task's deadlines."""
    return {"execution_id": run.execution_id, "state": str(run.state), "why": why}


@_event(INFO, "fired")
def run_fired(execution_id: str) -> None:
    """Beat fired a run."""


@_event(INFO, "fired many runs")
def many_runs_fired(count: int, first: str) -> None:
    """Beat fired many runs at once."""


@_event(WARNING, "missed")
def occurrence_missed(run: RunRecord) -> _Fields:
    """Beat recorded an occurrence as missed."""
    return {"execution_id": run.execution_id, "reason": run.reason}


@_event(INFO, "skipped")
def occurrence_skipped(run: RunRecord) -> _Fields:
    """Beat recorded an occurrence as skipped: its task does not want it to run now."""
    return {"execution_id": run.execution_id, "reason": run.reason, "cause": run.cause}


@_event(ERROR, "opened a circuit breaker")
def breaker_opened(task_id: str, reason: str | None) -> None:
    """Runs of a task have failed in a row; what falls due of it is skipped, apart from probes."""


@_event(ERROR, "could not open or close a circuit breaker; the next run that ends does")
def breaker_failed(task_id: str, error: Exception) -> None:
    """Redis refused to note how a run ended, or could not be reached."""


@_event(ERROR, "a task that comes after another cannot be read; what follows from the run waits")
def downstream_delayed(execution_id: str, key: str, problem: str) -> None:
    """Beat looks at it again every minute."""


@_event(ERROR, "occurrences that a change of their task has overtaken cannot be recorded")
def overtaken_unreadable(error: Exception) -> None:
    """What was noted of them cannot be read."""


@_event(WARNING, "sent a probe")
def breaker_probed(task_id: str) -> None:
    """The circuit breaker of a task has let one occurrence through."""


@_event(INFO, "closed a circuit breaker")
def breaker_closed(task_id: str) -> None:
    """A run of a task has succeeded after its circuit breaker was opened."""


@_event(INFO, "a backfill is over")
def backfill_over(backfill_id: str, task_id: str, state: str) -> None:
    """The last run of a backfill has ended: it is done, or was cancelled."""


@_event(WARNING, "cancelled a backfill")
def backfill_cancelled(backfill_id: str, task_id: str, reason: str) -> None:
    """Beat cancelled a backfill whose task can no longer run."""


def entries_quarantined(entries: Sequence[tuple[str, str]]) -> None:
    """Beat quarantined entries; if there are many, only the first are named."""
    for key, problem in entries[:_MOST_NAMED]:
        entry_quarantined(key, problem)
    if len(entries) > _MOST_NAMED:
        many_entries_quarantined(len(entries))


@_event(ERROR, "quarantined an entry; repair or remove it")
def entry_quarantined(key: str, problem: str) -> None:
    """Beat quarantined an entry that it cannot read or decide about."""


@_event(WARNING, "restored entries from quarantine")
def entries_restored(keys: Sequence[str]) -> _Fields:
    """Entries whose trouble is over fire again."""
    return {"count": len(keys), "first": keys[0]}


@_event(WARNING, "restored a due time that another program had put off or removed")
def due_time_restored(task_id: str) -> None:
    """RedBeat's `reschedule()` or `save()` counts from now, and would leave occurrences out."""


@_event(WARNING, "cannot read a calendar; its last content holds until it can be read")
def calendar_unreadable(path: object, error: BaseException) -> _Fields:
    """The file of a calendar is missing, being written or damaged."""
    return {"path": str(path), "error": str(error)}


@_event(ERROR, "quarantined many entries; repair or remove them")
def many_entries_quarantined(count: int) -> None:
    """Beat quarantined more entries than it names."""


@_event(ERROR, "a key has the wrong type")
def key_of_wrong_type(key: str, found: str, needed: str, remedy: str) -> None:
    """Another program has overwritten a key that beat needs; beat goes on where it can."""


@_event(WARNING, "rebuilt the schedule")
def schedule_rebuilt(count: int) -> _Fields:
    """Beat has rebuilt the schedule from the tasks."""
    return {"entries": count}


@_event(ERROR, "ignored an entry of beat_schedule")
def static_entry_refused(name: str, error: BaseException) -> _Fields:
    """An entry of `beat_schedule` in the Celery configuration cannot be used."""
    return {"entry": name, "error": error}


@_event(ERROR, "cannot read a run")
def run_unreadable(execution_id: str, error: BaseException) -> None:
    """The ledger's entry of a run is corrupt: another program has written to it."""


@_event(ERROR, "dropped an item of the outbox that cannot be sent")
def outbox_item_dropped(item: str, error: BaseException) -> None:
    """An item of the outbox cannot be made into a message, and is dropped."""


@_event(INFO, "leading")
def leading(name: str) -> _Fields:
    """This beat is now the leader."""
    return {"beat": name}


@_event(INFO, "standing by for the leader")
def standing_by(name: str) -> _Fields:
    """This beat is not the leader, or no longer."""
    return {"beat": name}


def waiting_for_redis(error: BaseException, of: str = "ledger") -> None:
    """Redis failed a request; nothing is lost, the process tries again.

    Logged at once, and then every minute, until `redis_is_back`; `of` is `ledger` or `broker`.
    """
    if OUTAGES[of].goes_on(trouble_words(error)):
        redis_unavailable(error, of)


@_event(WARNING, "waiting for Redis")
def redis_unavailable(error: BaseException, of: str) -> _Fields:
    """Redis fails requests."""
    # Where no Sentinel names a master, redis-py appends each of its clients and all their arguments.
    return {"of": of, "error": in_words(error).partition(" : <redis.")[0]}


def redis_is_back(of: str = "ledger") -> None:
    """Redis answered again; logged only after `waiting_for_redis`."""
    seconds = OUTAGES[of].is_over()
    if seconds is not None:
        redis_available(seconds, of)


@_event(INFO, "Redis is back")
def redis_available(seconds: float, of: str) -> _Fields:
    """Redis answers again, after so many seconds."""
    return {"of": of, "seconds": round(seconds, 1)}


@_event(ERROR, "a service thread failed; it tries again", with_trace=True)
def service_failed(name: str, error: BaseException) -> _Fields:
    """A service thread of the worker met an unforeseen error; it tries again."""
    return {"service": name, "error": error}


@_event(WARNING, "the handler failed")
def handler_failed(run: RunRecord, traceback: str) -> _Fields:
    """A handler raised an exception."""
    return {"execution_id": run.execution_id, "attempt": run.attempt, "traceback": f"\n{traceback}"}


@_event(WARNING, "ended the processes that a handler had left running")
def handler_processes_ended(pids: Sequence[int]) -> _Fields:
    """A handler returned while processes that it had started were still running."""
    return {"pids": ",".join(map(str, pids))}


@_event(WARNING, "left behind tasks of a handler that did not end when they were cancelled")
def handler_tasks_abandoned(names: Sequence[str]) -> _Fields:
    """The tasks of an async handler went on for seconds after they were cancelled; their loop is closed."""
    return {"tasks": ",".join(names)}


@_event(WARNING, "could not restore what a handler has changed of its process")
def leftover_kept(what: str, error: BaseException) -> None:
    """The next handler in this process finds `what` as the last one left it."""


@_event(WARNING, "changes are noticed a second late; give the user the channel")
def wake_up_denied(channel: str, error: BaseException) -> _Fields:
    """Beat's Redis user may not subscribe to the channel, so beat notices changes within a second only."""
    return {"channel": channel, "error": str(error)}


@_event(ERROR, "beat's turn failed; it tries again", with_trace=True)
def turn_failed(error: BaseException) -> None:
    """A turn of beat met an unforeseen error; nothing is lost, the next turn tries again."""


def beat_refused(error: BaseException) -> None:
    """Beat cannot work with these settings or on this server, and ends."""
    _log(ERROR, f"beat ends: {error}", {"event": "beat_refused"})


@_event(ERROR, "quarantined a corrupt audit record; it is kept in mc:audit:quarantine")
def pending_record_quarantined(what: str, problem: str) -> None:
    """A pending audit record is corrupt, and was quarantined."""


@_event(ERROR, "the sweep failed; it tries again")
def sweep_failed(error: BaseException) -> None:
    """A sweep failed; the next one starts a few seconds later."""


@_event(DEBUG, "began")
def attempt_begun(run: RunRecord) -> _Fields:
    """A worker started a handler."""
    return {"execution_id": run.execution_id, "attempt": run.attempt}


@_event(WARNING, "dropped a delivery")
def delivery_dropped(execution_id: str, attempt: int, why: str) -> None:
    """A worker acknowledged a message without running its handler: the run does not need this attempt."""


@_event(INFO, "over a limit; the run waits, and holds no worker")
def run_limited(run: RunRecord) -> _Fields:
    """A worker acknowledged a message whose run is over a limit; it is sent again when it may start."""
    return {"execution_id": run.execution_id, "limit": run.limited_by, "until": run.limited_until}


@_event(INFO, "over a budget; the run does not begin")
def run_over_budget(execution_id: str, reason: str | None) -> None:
    """A worker ended a run that a budget does not allow."""


@_event(WARNING, "a handler asked for a pause of its limit")
def limit_cooled_down(limit: str, seconds: float, execution_id: str) -> None:
    """No run begins by the limit for so many seconds."""


@_event(WARNING, "the run has moved on; its ending here is not recorded")
def ending_refused(execution_id: str, state: str) -> None:
    """The ledger refused an ending because the run has moved on."""


@_event(ERROR, "lease lost: another worker may have the run, and its result here is not recorded")
def lease_lost(run: RunRecord) -> _Fields:
    """The worker did not renew its lease in time; the run is over or has another worker."""
    return {"execution_id": run.execution_id, "attempt": run.attempt, "fence": run.fence}


@_event(WARNING, "lost an attempt that another worker has begun again")
def loss_ignored(run: RunRecord) -> _Fields:
    """An attempt was lost here, but another worker has begun it again and goes on."""
    return {"execution_id": run.execution_id, "attempt": run.attempt, "worker": run.worker}


@_event(WARNING, "ending now; giving back the runs of handlers that do not stop")
def handlers_abandoned() -> None:
    """The worker ends now; handlers still running are cut off, and their runs restart elsewhere."""


@_event(ERROR, "the worker's parent has died; giving up its run")
def worker_orphaned(run: RunRecord) -> _Fields:
    """The worker's parent process has died; its child gives up the run and ends."""
    return {"execution_id": run.execution_id}


@_event(WARNING, "recovered an orphaned run")
def run_recovered(run: RunRecord, what: str) -> _Fields:
    """The sweep recovered an orphaned run: its worker or its message was lost."""
    return {"execution_id": run.execution_id, "was": run.state, "attempt": run.attempt, "now": what}


@_event(ERROR, "the consumer takes no messages")
def consumer_stuck(seconds: float, what: str) -> _Fields:
    """The worker's consumer takes no messages although it could."""
    return {"seconds": round(seconds), "now": what}


@_event(WARNING, "a process of the pool does not take its run; ending the process")
def delivery_lost(execution_id: str, pid: int) -> None:
    """A message was given to a process of the pool that does not begin it; another one will."""


@_event(INFO, "no such handler on this worker; returned the message to its queue")
def message_passed_on(execution_id: str, handler: str) -> None:
    """A worker returned a message to its queue for a worker that has its handler."""


@_event(ERROR, "refused a message")
def message_refused(execution_id: str, reason: str) -> None:
    """A message for a task that is not a handler, or that must not run, was refused."""


@_event(WARNING, "no live worker has the handler; the run waits for one")
def run_waits_for_handler(execution_id: str, handler: str) -> None:
    """A run stays on hold until a worker comes that has its handler, or until it expires."""


@_event(ERROR, "still no live worker has the handler; start one that has, or cancel the run")
def run_still_waits(execution_id: str, handler: str) -> None:
    """A run has waited a minute for a worker that has its handler."""


@_event(ERROR, "moved a message to the dead letters")
def message_dead_lettered(queue: str, reason: str, execution_id: str | None) -> None:
    """A message that no worker can process was moved to the dead letters."""


@_event(ERROR, "cannot release a parked message now")
def release_postponed(execution_id: str, why: str) -> None:
    """A parked message cannot be put on its queue; beat tries again in a minute."""


@_event(WARNING, "dropped a malformed message that belongs to no task")
def broadcast_dropped(source: str, error: BaseException) -> _Fields:
    """A Celery event, reply or remote command is malformed; nothing waits for it."""
    return {"source": source, "error": repr(error)}


@_event(WARNING, "other workers have received messages of this worker")
def messages_redelivered(count: int) -> None:
    """This worker did not renew its messages within the visibility timeout; other workers have them now."""


@_event(WARNING, "the managed server had ended; it runs again")
def managed_server_revived(folder: object) -> _Fields:
    """This process could not connect to the managed server, and started it again or found it started."""
    return {"folder": str(folder)}


def handlers_found(ready: int, problems: Sequence[str]) -> None:
    """A worker has loaded its handlers; of those that are broken only the first are named."""
    named = "; ".join(problems[:_MOST_PROBLEMS_NAMED])
    more = (
        f"; and {len(problems) - _MOST_PROBLEMS_NAMED:,} more" if len(problems) > _MOST_PROBLEMS_NAMED else ""
    )
    sentence = f"handlers: {ready} ready" + (f", {len(problems):,} broken: {named}{more}" if problems else "")
    fields = {"event": "handlers_found", "ready": ready, "broken": len(problems)}
    _log(WARNING if problems else INFO, sentence, fields)


@_event(ERROR, "beat or the worker of a TaskScheduler ended by itself")
def service_ended(what: str) -> None:
    """A process that `TaskScheduler.start()` started has ended; it is started again."""


@_event(ERROR, "audit record not written; it stays pending")
def audit_write_failed(path: object, error: BaseException) -> _Fields:
    """A record could not be appended to the audit stream; it stays pending."""
    return {"path": str(path), "error": str(error)}


@_event(WARNING, "a task with this id is registered already, and differs; to update it, use replace=True")
def definition_kept(task_id: str, difference: str) -> None:
    """A program registers a task that exists, with another definition; the registered one stays."""


@_event(
    WARNING,
    "an occurrence was skipped or moved that the schedule no longer has; unskip it, or change the schedule",
)
def occurrence_change_void(task_id: str, execution_id: str, change: str) -> None:
    """An edit of a schedule removed an occurrence that was skipped or moved by hand; it does not run."""


@_event(ERROR, "task file not mirrored")
def mirror_failed(path: object, error: BaseException) -> _Fields:
    """A change is registered, but the task file that mirrors the registry was not written."""
    return {"path": str(path), "error": str(error)}


@_event(WARNING, "refused a remote command; MISSION_CONTROL_ALLOW_REMOTE_CONTROL allows it")
def control_command_refused(command: str) -> None:
    """A client of the broker wanted to change a worker."""


@_event(WARNING, "changed by a remote command, until this worker is restarted")
def worker_changed(worker: str, command: str) -> None:
    """A client of the broker changed a worker, as the settings allow."""
