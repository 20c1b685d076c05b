"""Whether a run's message still exists, found out without reading through long queues.

A queue's list and each task's lane are first in, first out: if what is taken next from one was entered
after a run's message was sent, that message is no longer on it. So a look at the messages taken next is
enough, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from mission_control.messaging.transport.turns import lane_of, lanes_of, text_of
from mission_control.model.policies.recovery import sent_at
from mission_control.model.runs.run_record import RunRecord
from mission_control.store.lua_scripts import lua_source

if TYPE_CHECKING:
    from celery import Celery

LOOKED_AT: Final = 100
# Producers' clocks may differ by so much without a message being taken for lost.
_MARGIN: Final = timedelta(seconds=5)


@dataclass(frozen=True)
class QueueList:
    """A list of a queue: how many messages are on it, and whose are taken next, with when they were entered.

    The instants are Unix seconds, None for a message of which the ledger knows nothing.
    """

    length: int
    next_ids: tuple[str, ...]
    entered_at: tuple[float | None, ...] = ()

    def may_hold(self, run: RunRecord) -> bool:
        """Whether a run's message is on the list, or can be further back than was looked."""
        if self.length <= len(self.next_ids) or run.execution_id in self.next_ids:
            return run.execution_id in self.next_ids
        overtaken_by = (sent_at(run) + _MARGIN).timestamp()
        return not any(entered is not None and entered > overtaken_by for entered in self.entered_at)


class Whereabouts:
    """Looks for messages in the broker of a Celery application; brokers other than Redis are not looked into.

    `entered_at` tells when runs were entered, as the ledger's method of that name does.
    """

    def __init__(self, app: Celery, entered_at: Callable[[Iterable[str]], list[float | None]]) -> None:
        self._app = app
        self._entered_at = entered_at
        self._script = lua_source(__package__, "whereabouts")

    def missing(self, runs: Sequence[RunRecord]) -> list[RunRecord]:
        """Return those runs whose message is neither on its queue nor in a worker's hand.

        Four round trips, however long the queues are. A message that is parked or in the outbox is not
        looked for. Of a broker that cannot be looked into every message counts as missing.

        Raises:
            OperationalError: the broker cannot be reached.
        """
        if not runs:
            return []
        with self._app.connection_for_write() as connection:
            channel = connection.default_channel
            if not hasattr(channel, "conn_or_acquire"):
                return list(runs)
            on = {run.execution_id: channel._q_for_pri(run.queue, run.priority) for run in runs}  # noqa: SLF001
            with channel.conn_or_acquire() as client:
                places = _places(on, runs, set(lanes_of(client, set(on.values()))))
                keys = sorted({key for keys in places.values() for key in keys})
                delivered, *found = client.eval(
                    self._script, 1 + len(keys), channel.unacked_key, *keys, LOOKED_AT, *places
                )
        held = {text_of(one) for one in delivered}
        lists = dict(zip(keys, self._queue_lists(found), strict=True))
        return [
            run
            for run in runs
            if run.execution_id not in held
            and not any(lists[key].may_hold(run) for key in places[run.execution_id])
        ]

    def _queue_lists(self, found: Sequence[Sequence[Any]]) -> list[QueueList]:
        next_ids = [tuple(text_of(one) for one in ids) for _, *ids in found]
        every = [one for ids in next_ids for one in ids]
        entered = dict(zip(every, self._entered_at(every), strict=True))
        return [
            QueueList(int(length), ids, tuple(entered[one] for one in ids))
            for (length, *_), ids in zip(found, next_ids, strict=True)
        ]


def _places(
    on: Mapping[str, str], runs: Iterable[RunRecord], lanes: Container[str]
) -> dict[str, tuple[str, ...]]:
    """Return where each run's message may be: on its list, or in its lane, if it has one that has turns."""
    return {
        run.execution_id: (on[run.execution_id], lane)
        if (lane := lane_of(on[run.execution_id], run.execution_id, run.handler)) in lanes
        else (on[run.execution_id],)
        for run in runs
    }
