"""Where pauses are kept: layers next to the tasks, never in them."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
from redis import Redis

from mission_control.errors import StoreUnavailableError
from mission_control.events import events
from mission_control.ledger.run_reader import RunReader
from mission_control.model.policies.notices import Notice, pause_notices
from mission_control.model.policies.pause import PauseKind, PauseLayer, breaker_name, opened, probing
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState
from mission_control.model.values.instants import format_instant
from mission_control.registry.change_log import ChangeLog
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

PAUSE_KEYS: Final = (redis_keys.PAUSES, redis_keys.PAUSES_VERSION)
_CHANGED_KEYS: Final = (*PAUSE_KEYS, redis_keys.NOTICES, redis_keys.EDITS)

_OF_TASK: Final = {PauseKind.TASK, PauseKind.BREAKER}

_Kept = TypeVar("_Kept")

_REMEMBERED: Final = timedelta(days=1)
"""How long a layer that is over says why what fell due in it did not run: a beat may have been down."""


_ATTEMPTS_AGAINST_OTHER_WRITERS: Final = 20


@dataclass(frozen=True)
class PausesSeen:
    """All layers that are known, those that are over included; `version` changes with every change.

    `changed` are single occurrences that were skipped or moved by hand.
    """

    version: str
    layers: tuple[PauseLayer, ...]
    changed: tuple[ChangedOccurrence, ...] = ()

    def in_force(self, now: datetime) -> list[PauseLayer]:
        """Return the layers in force at `now`, by name."""
        return sorted((one for one in self.layers if one.is_current(now)), key=lambda one: one.name)

    def changed_of(self, task_id: str, *, also_over: bool = False) -> list[ChangedOccurrence]:
        """Return the changed occurrences of a task that have yet to come, the soonest first.

        With `also_over` those are among them that ran before their own time, which is to come.
        """
        of_task = (one for one in self.changed if one.task_id == task_id)
        return sorted((one for one in of_task if also_over or not one.is_over), key=lambda one: one.due)


NO_PAUSES: Final = PausesSeen("", ())


def read_pauses(client: Redis) -> PausesSeen:
    """Return the pauses; one that another program has damaged is left out."""
    with client.pipeline() as pipe:
        pipe.get(redis_keys.PAUSES_VERSION)
        pipe.hvals(redis_keys.PAUSES)
        version, texts = pipe.execute()
    layers = _readable(texts, PauseLayer.from_json)
    return PausesSeen(version or "", tuple(layers), tuple(_readable(texts, ChangedOccurrence.from_json)))


def _readable(texts: Iterable[str], read: Callable[[str], _Kept]) -> Iterable[_Kept]:
    for text in texts:
        try:
            yield read(text)
        except (ValueError, TypeError, KeyError):
            continue


class Pauses:
    """Sets and ends pauses. Each change is one transaction, wakes beat, and leaves records of changes."""

    def __init__(self, client: Redis, changes: ChangeLog, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._changes = changes
        self._clock = clock
        self._change = lua_script(client, __package__, "change_pauses")

    @property
    def who(self) -> str:
        """Who sets pauses here."""
        return self._changes.actor

    def read(self) -> PausesSeen:
        """Return the pauses as they are now."""
        return read_pauses(self._client)

    def set(
        self, layers: Iterable[PauseLayer], *, change: str = "paused", notices: Iterable[Notice] = ()
    ) -> None:
        """Set layers, each in the place of one of its name that is in force; `change` names it on record."""
        new = list(layers)
        replaced = self._write(lambda _: new, change=change, notices=notices)
        for layer in new:
            self._record(layer, change, replaced.get(layer.name), layer, reason=layer.reason)

    def end(
        self, names: Iterable[str], *, reason: str | None, forget: bool, notices: Iterable[Notice] = ()
    ) -> list[PauseLayer]:
        """End the layers of these names that are in force, and return them.

        What fell due until now stays paused, even if beat has not seen it yet, unless `forget` is set.
        """
        wanted, now = set(names), self._clock()
        found: dict[str, PauseLayer] = {}

        def over(in_force: dict[str, PauseLayer]) -> list[PauseLayer]:
            found.update({name: one for name, one in in_force.items() if name in wanted})
            return [] if forget else [replace(one, until=now, is_over=True) for one in found.values()]

        if not any(self._client.hmget(redis_keys.PAUSES, sorted(wanted))):
            return []
        self._write(over, ends=wanted, notices=notices)
        for layer in found.values():
            if layer.kind is PauseKind.BREAKER:
                self._forget_failures(layer.value)
            self._record(layer, _ended(layer), layer, None, reason=reason)
        return list(found.values())

    def _forget_failures(self, task_id: str) -> None:
        history = redis_keys.history(task_id)
        if self._client.exists(history):
            self._client.hset(history, "consecutive_failures", 0)

    def _write(
        self,
        changed: Callable[[dict[str, PauseLayer]], list[PauseLayer]],
        *,
        change: str = "",
        ends: Iterable[str] = (),
        notices: Iterable[Notice] = (),
    ) -> dict[str, PauseLayer]:
        """Write layers, given those in force, and return those; layers that are over for long are removed."""
        reported = [msgspec.json.encode(one).decode() for one in notices]
        for _ in range(_ATTEMPTS_AGAINST_OTHER_WRITERS):
            now, seen = self._clock(), self.read()
            in_force = {one.name: one for one in seen.in_force(now)}
            written = changed(in_force)
            pairs = [part for one in written for part in (_field(one), one.to_json())]
            gone = [_field(one) for one in seen.layers if _is_forgotten(one, now)]
            gone += (ended := [name for name in sorted(ends) if name in in_force])
            edited = written or [in_force[name] for name in ended]
            head: list[str | int] = [
                seen.version,
                redis_keys.WAKE_CHANNEL,
                len(written),
                json.dumps(reported) if reported else "",
                json.dumps([self._edit(one, change or _ended(one)) for one in edited]),
            ]
            if self._change(keys=_CHANGED_KEYS, args=[*head, *pairs, *gone]):
                return in_force
        raise StoreUnavailableError("no pause was changed: others keep changing them; try again")

    def _record(
        self,
        layer: PauseLayer,
        change: str,
        before: PauseLayer | None,
        after: PauseLayer | None,
        *,
        reason: str | None,
    ) -> None:
        forms: list[dict[str, Any]] = [
            {} if one is None else {"pause": {"layer": one.name, "who": one.who, "until": _text(one.until)}}
            for one in (before, after)
        ]
        name = layer.value if layer.kind in _OF_TASK else layer.name
        self._changes.record(name, change, *forms, reason=reason, at=self._clock())

    def _edit(self, layer: PauseLayer, change: str) -> dict[str, str]:
        of_task = {"task_id": layer.value} if layer.kind in _OF_TASK else {}
        return self._changes.edit("pauses", change, layer=layer.name, **of_task)


def _ended(layer: PauseLayer) -> str:
    return "breaker_closed" if layer.kind is PauseKind.BREAKER else "resumed"


def _field(layer: PauseLayer) -> str:
    return f"{layer.name}@{format_instant(layer.since)}" if layer.is_over else layer.name


def _is_forgotten(layer: PauseLayer, now: datetime) -> bool:
    return not layer.is_current(now) and layer.until is not None and layer.until + _REMEMBERED < now


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)


@dataclass(frozen=True)
class Breakers:
    """Opens and closes circuit breakers; each change is an event and a record of changes.

    A whole run counts, not its attempts; a cancelled one does not. Does not guarantee that a failure opens
    the breaker if the process that ends the run is killed right after; the next failure does.
    """

    pauses: Pauses
    ledger: RunReader
    clock: Callable[[], datetime]

    def after_run(self, run: RunRecord) -> None:
        """Note how a run ended."""
        if run.breaker is None:
            return
        if run.state is RunState.SUCCESS:
            name, why = breaker_name(run.task_id), "a run succeeded"
            notices = self._notices(run, f"closed {name}", f"circuit breaker closed: {why}")
            for layer in self.pauses.end([name], reason=why, forget=True, notices=notices):
                events.breaker_closed(layer.value)
        elif run.state in RAN_AND_FAILED:
            self._after_failure(run, run.breaker["after"], run.breaker["probe_after"])

    def probe(self, layer: PauseLayer, probe_after: Sequence[float]) -> None:
        """Note that a probe was sent, so that no other follows at once."""
        self.pauses.set([probing(layer, probe_after, self.clock())], change="breaker_probed")
        events.breaker_probed(layer.value)

    def _notices(self, run: RunRecord, cause: str, text: str) -> list[Notice]:
        return pause_notices([(run.task_id, run.notify)], cause=cause, text=text, at=self.clock())

    def _after_failure(self, run: RunRecord, after: int, probe_after: Sequence[float]) -> None:
        failures, last = self.ledger.history(run.task_id).consecutive_failures, run.execution_id
        layer = opened(
            run.task_id, failures, after=after, probe_after=probe_after, last_failed=last, now=self.clock()
        )
        if layer is not None:
            notices = self._notices(run, layer.name, layer.words())
            self.pauses.set([layer], change="breaker_opened", notices=notices)
            events.breaker_opened(layer.value, layer.reason)
