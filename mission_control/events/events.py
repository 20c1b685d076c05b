"""Every log event, with its level, its fields and its sentence.

Events go through the standard logger `mission_control`, so that Celery's, pytest's and everybody's
handlers see them. Ids are fields; the sentence is for people.

This file has more than 250 lines because whoever reads a log looks for an event in one place.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from mission_control.events.outages import Outage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mission_control.model.runs.run_record import RunRecord


_MOST_NAMED: Final = 20


class _Events:
    """Puts an event into the standard logger: its sentence for people, its fields also for machines.

    A field is an attribute of the log record as well, where a formatter for machines finds it.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, sentence: str, **fields: object) -> None:
        self._log(logging.DEBUG, sentence, fields)

    def info(self, sentence: str, **fields: object) -> None:
        self._log(logging.INFO, sentence, fields)

    def warning(self, sentence: str, **fields: object) -> None:
        self._log(logging.WARNING, sentence, fields)

    def error(self, sentence: str, **fields: object) -> None:
        self._log(logging.ERROR, sentence, fields)

    def failure(self, sentence: str, error: BaseException, **fields: object) -> None:
        """Log an error that nobody has foreseen, with its traceback."""
        self._log(logging.ERROR, sentence, {**fields, "error": f"{type(error).__name__}: {error}"}, error)

    def _log(
        self, level: int, sentence: str, fields: Mapping[str, object], trace: BaseException | None = None
    ) -> None:
        if self._logger.isEnabledFor(level):
            known = {name: value for name, value in fields.items() if value is not None}
            shown = " ".join(f"{name}={value}" for name, value in known.items())
            self._logger.log(
                level, f"{sentence}  {shown}" if shown else sentence, extra=known, exc_info=trace
            )


_log: Final = _Events(logging.getLogger("mission_control"))
_outages: Final = {"ledger": Outage(), "broker": Outage()}


def fired_many(execution_ids: Sequence[str]) -> None:
    """Beat fired runs; of many only the number and the first are named."""
    if len(execution_ids) <= _MOST_NAMED:
        for execution_id in execution_ids:
            _log.info("fired", execution_id=execution_id)
    else:
        _log.info("fired many", count=len(execution_ids), first=execution_ids[0])


def missed(run: RunRecord) -> None:
    """Beat recorded an occurrence as missed."""
    _log.warning("missed", execution_id=run.execution_id, reason=run.reason)


def quarantined(key: str, problem: str) -> None:
    """Beat set aside an entry that it cannot read or decide about."""
    _log.error("set an entry aside; mend or remove it", key=key, problem=problem)


def key_of_wrong_type(key: str, found: str, needed: str, remedy: str) -> None:
    """Another program has overwritten a key that beat needs; beat goes on where it can."""
    _log.error("a key has the wrong type", key=key, found=found, needed=needed, remedy=remedy)


def schedule_rebuilt(count: int) -> None:
    """Beat has built the schedule anew out of the tasks."""
    _log.warning("rebuilt the schedule", entries=count)


def static_entry_refused(name: str, error: BaseException) -> None:
    """An entry of `beat_schedule` in the Celery configuration cannot be used."""
    _log.error("entry of beat_schedule left out", entry=name, error=f"{type(error).__name__}: {error}")


def run_unreadable(execution_id: str, error: BaseException) -> None:
    """What the ledger has of a run cannot be read: somebody else has written there."""
    _log.error("a run cannot be read", execution_id=execution_id, error=f"{type(error).__name__}: {error}")


def message_not_sent(item: str, error: BaseException) -> None:
    """What stood in the outbox cannot be made a message of, and is dropped."""
    _log.error("cannot be sent, dropped", item=item, error=f"{type(error).__name__}: {error}")


def quarantined_many(entries: Sequence[tuple[str, str]]) -> None:
    """Beat set entries aside; of many only the number and the first are named."""
    for key, problem in entries[:_MOST_NAMED]:
        quarantined(key, problem)
    if len(entries) > _MOST_NAMED:
        _log.error("set many entries aside; mend or remove them", count=len(entries))


def leading(name: str) -> None:
    """This beat is the leader now."""
    _log.info("leading", beat=name)


def standing_by(name: str) -> None:
    """This beat is not the leader (any more)."""
    _log.info("standing by for the leader", beat=name)


def waiting_for_redis(error: BaseException, of: str = "ledger") -> None:
    """Redis did not do what was asked; nothing is lost, it is tried again.

    Said at once, and then every minute, until `redis_is_back`; `of` tells the ledger's from the broker's.
    """
    if _outages[of].goes_on():
        # Where no Sentinel names a master, redis-py goes on with each of its clients and all their arguments.
        _log.warning("waiting for Redis", of=of, error=str(error).partition(" : <redis.")[0])


def redis_is_back(of: str = "ledger") -> None:
    """Redis did what was asked; said only if it was waited for."""
    seconds = _outages[of].is_over()
    if seconds is not None:
        _log.info("Redis is back", of=of, seconds=round(seconds, 1))


def service_stumbled(name: str, error: BaseException) -> None:
    """A thread that serves the worker met an error that nobody has foreseen; it goes on."""
    _log.failure("could not do its work; it tries again", error, service=name)


def handler_failed(run: RunRecord, traceback: str) -> None:
    """A handler raised; this is where."""
    _log.warning(
        "the handler failed",
        execution_id=run.execution_id,
        attempt=run.attempt,
        traceback=f"\n{traceback}",
    )


def cannot_be_woken(channel: str, error: BaseException) -> None:
    """Beat's user in Redis may not listen: what others change is noticed within a second only."""
    _log.warning("changes are noticed a second late; give the user the channel", channel=channel, error=error)


def turn_failed(error: BaseException) -> None:
    """A turn of beat's ended in an error that nobody has foreseen; nothing is lost, it is tried again."""
    _log.failure("beat could not do its work; it tries again", error)


def beat_refused(error: BaseException) -> None:
    """Beat does not work with these settings, or on this server, and ends."""
    _log.error(f"beat ends: {error}")


def set_aside(what: str, problem: str) -> None:
    """Something in Redis could not be read, and was taken out of the way of the rest."""
    _log.error("cannot be read; set aside in mc:audit:set_aside", what=what, problem=problem)


def sweep_failed(error: BaseException) -> None:
    """A look over all runs broke off; it is begun anew a few seconds later."""
    _log.error("the sweep broke off", error=f"{type(error).__name__}: {error}")


def attempt_begun(run: RunRecord) -> None:
    """A worker runs a handler."""
    _log.debug("began", execution_id=run.execution_id, attempt=run.attempt)


def delivery_dropped(execution_id: str, attempt: int, why: str) -> None:
    """A message was acknowledged without running anything: its run needs no such attempt."""
    _log.warning("dropped a delivery", execution_id=execution_id, attempt=attempt, why=why)


def transition_refused(execution_id: str, state: str) -> None:
    """The ledger refused an ending, because the run is elsewhere by now."""
    _log.warning("the ledger has moved on; ending not recorded", execution_id=execution_id, state=state)


def lease_lost(run: RunRecord) -> None:
    """This process was silent for longer than its lease; the run is somebody else's, or over."""
    _log.error(
        "lease lost: the run is somebody else's by now, and what comes of it here is not recorded",
        execution_id=run.execution_id,
        attempt=run.attempt,
        fence=run.fence,
    )


def loss_without_consequence(run: RunRecord) -> None:
    """An attempt was lost here that somebody else has begun again since; that one is left alone."""
    _log.warning(
        "lost an attempt that is somebody else's by now, who goes on with it",
        execution_id=run.execution_id,
        attempt=run.attempt,
        worker=run.worker,
    )


def handlers_left_behind() -> None:
    """The worker ends at once; handlers that do not stop are cut off, and their runs go on elsewhere."""
    _log.warning("ending now; giving back the runs of handlers that do not stop")


def worker_orphaned(run: RunRecord) -> None:
    """The worker's parent process has died; its child gives the run up and ends."""
    _log.error("the worker has died; giving its run up", execution_id=run.execution_id)


def run_taken_up(run: RunRecord, what: str) -> None:
    """The sweep has taken up a run that nobody gave a sign of."""
    _log.warning(
        "took up a run that nobody gave a sign of",
        execution_id=run.execution_id,
        was=run.state,
        attempt=run.attempt,
        now=what,
    )


def consumer_stuck(seconds: float, what: str) -> None:
    """The worker's consumer takes no messages although it could."""
    _log.error("the consumer takes no messages", seconds=round(seconds), now=what)


def message_passed_on(execution_id: str, handler: str) -> None:
    """A message is put back for another worker, which has its handler."""
    _log.info(
        "no such handler on this worker; passing the run on", execution_id=execution_id, handler=handler
    )


def message_set_aside(queue: str, reason: str, execution_id: str | None) -> None:
    """A message that no worker can take was moved to the dead letters."""
    _log.error("set a message aside", queue=queue, reason=reason, execution_id=execution_id)


def release_postponed(execution_id: str, why: str) -> None:
    """A parked message cannot be put on its queue; it is tried again in a minute."""
    _log.error("cannot be released now", execution_id=execution_id, why=why)


def broadcast_dropped(source: str, error: BaseException) -> None:
    """An event, an answer or a command of Celery's could not be read; nothing waits for it."""
    _log.warning("dropped a message that is no task's", source=source, error=repr(error))


def messages_taken_away(count: int) -> None:
    """This worker was silent for longer than the visibility timeout; others have its messages now."""
    _log.warning("messages in hand were delivered to others meanwhile", count=count)


def handler_broken(path: str, problem: str) -> None:
    """A handler's module cannot be imported; its runs will fail with this problem."""
    _log.error("handler cannot be loaded", handler=path, problem=problem)


def audit_write_failed(path: object, error: BaseException) -> None:
    """A record could not be appended to the audit stream."""
    _log.error("audit record not written", path=str(path), error=str(error))


def fields_not_enforced(task_id: str, fields: str) -> None:
    """A definition uses fields that are stored but that nothing acts on yet."""
    _log.warning("stored, but not enforced by this version", task_id=task_id, fields=fields)


def mirror_failed(path: object, error: BaseException) -> None:
    """A change is registered, but the task file that mirrors the registry was not written."""
    _log.error("task file not mirrored", path=str(path), error=str(error))
