"""What a pause keeps from running: layers, each with who set it, why, and until when."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.misfire import Action, Decision, Fire, Skip
from mission_control.model.runs.cause import Cause
from mission_control.model.values.instants import format_instant, parse_instant

WHO: Final = "breaker"


class PauseKind(StrEnum):
    """By what a layer selects tasks."""

    ALL = "all"
    TASK = "task"
    OWNER = "owner"
    TAG = "tag"
    QUEUE = "queue"
    HANDLER = "handler"
    BREAKER = "breaker"  # of one task, set by its failures


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What a layer may select a task by."""

    task_id: str
    owner: str
    tags: tuple[str, ...]
    queue: str
    handler: str

    @classmethod
    def of(cls, task: TaskDefinition) -> Self:
        """Return those of a task."""
        return cls(task.id, task.owner, task.tags, task.queue, task.handler)

    def values_of(self, kind: PauseKind) -> tuple[str, ...]:
        """Return the values by which a layer of that kind selects this task."""
        match kind:
            case PauseKind.ALL:
                return ("",)
            case PauseKind.TAG:
                return self.tags
            case PauseKind.TASK | PauseKind.BREAKER:
                return (self.task_id,)
        return (str(getattr(self, kind)),)


@dataclass(frozen=True, slots=True)
class PauseLayer:
    """One pause: of all tasks, or of those that share `value`. It holds from `since` until `until`, if given.

    `is_over` marks a layer that was resumed. It still says why what fell due before that did not run. A
    circuit breaker lasts beyond `until`: from then on it lets a probe through; `probes` is how many failed.
    """

    kind: PauseKind
    value: str
    since: datetime
    who: str
    reason: str | None = None
    until: datetime | None = None
    is_over: bool = False
    probes: int = 0

    @property
    def name(self) -> str:
        """The layer in one word, such as `tag:nightly`; `all` for all tasks."""
        return layer_name(self.kind, self.value)

    def selects(self, task: TaskFacts) -> bool:
        """Return whether the layer is about a task."""
        return self.value in task.values_of(self.kind)

    def holds(self, moment: datetime) -> bool:
        """Return whether the layer is in force at `moment`; `until` itself is no longer."""
        return self.since <= moment and (self.until is None or moment < self.until)

    def is_current(self, now: datetime) -> bool:
        """Return whether the layer is in force, or is a circuit breaker that lets a probe through."""
        return self.holds(now) or (self.kind is PauseKind.BREAKER and not self.is_over)

    def words(self) -> str:
        """Return the layer as the reason of what it keeps from running."""
        until = "" if self.until is None else f" until {format_instant(self.until)}"
        why = "" if self.reason is None else f": {self.reason}"
        # As exact as the record of the change, by which a replay knows it.
        since = format_instant(self.since.replace(microsecond=self.since.microsecond // 1_000 * 1_000))
        if self.kind is PauseKind.BREAKER:
            return f"circuit breaker ({self.name}) open since {since}, no run{until}{why}"
        return f"paused ({self.name}) by {self.who} at {since}{until}{why}"

    def cause(self) -> Cause:
        """Return the layer as the cause of what it keeps from running."""
        return Cause("breaker" if self.kind is PauseKind.BREAKER else "paused", layer=self.name)

    def to_json(self) -> str:
        """Return the layer as Redis keeps it."""
        until = None if self.until is None else format_instant(self.until)
        return json.dumps({**asdict(self), "since": format_instant(self.since), "until": until})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` returned.

        Raises:
            ValueError, TypeError, KeyError: it is something else.
        """
        stored = json.loads(text)
        until = None if stored["until"] is None else parse_instant(stored["until"])
        kind, since = PauseKind(stored["kind"]), parse_instant(stored["since"])
        return cls(**{**stored, "kind": kind, "since": since, "until": until})


def layer_name(kind: PauseKind, value: str) -> str:
    """Return a layer in one word.

    >>> layer_name(PauseKind.TAG, "nightly"), layer_name(PauseKind.ALL, "")
    ('tag:nightly', 'all')
    """
    return f"{kind}:{value}" if value else str(kind)


def pausing_layers(pauses: Iterable[PauseLayer], task: TaskDefinition) -> list[PauseLayer]:
    """Return those of the layers that select a task."""
    facts = TaskFacts.of(task)
    return [one for one in pauses if one.selects(facts)]


_BROADEST_FIRST: Final = tuple(PauseKind)


def cause_of(layers: Iterable[PauseLayer], due: datetime, now: datetime) -> PauseLayer | None:
    """Return which of a task's layers keeps what is due at `due` from running at `now`; None if none does.

    A layer keeps back what falls due while it holds, even if that is noticed later, and what is overdue while
    it holds. Of several, the one that holds longest is named; of those the broadest.
    """
    found = [one for one in layers if one.holds(due) or (one.holds(now) and due <= now)]
    return min(found, key=_rank, default=None)


def _rank(layer: PauseLayer) -> tuple[bool, float, int, str]:
    ends = 0.0 if layer.until is None else -layer.until.timestamp()
    return layer.until is not None, ends, _BROADEST_FIRST.index(layer.kind), layer.value


def kept_back(
    task: TaskDefinition,
    decision: Decision,
    layer_at: Callable[[datetime], PauseLayer | None],
    now: datetime,
) -> Decision:
    """Return the same decision with each occurrence skipped for which `layer_at` names a layer.

    What is missed in any case stays missed. A fixed delay is then counted from `now`.
    """
    return rescheduled(task, decision, tuple(_action(action, layer_at) for action in decision.actions), now)


def rescheduled(
    task: TaskDefinition, decision: Decision, actions: tuple[Action, ...], now: datetime
) -> Decision:
    """Return a decision with other actions; of a fixed delay, no end of a run sets when it is due next."""
    next_due = decision.next_due
    fired, before = (sum(isinstance(one, Fire) for one in some) for some in (actions, decision.actions))
    if task.schedule.is_fixed_delay and fired < before:
        following = task.schedule.next_after(now)
        next_due = None if following is None else following.timestamp()
    return replace(decision, actions=actions, next_due=next_due)


def _action(action: Action, layer_at: Callable[[datetime], PauseLayer | None]) -> Action:
    layer = layer_at(action.due) if isinstance(action, Fire) else None
    if layer is None:
        return action
    return Skip(action.scheduled_time, layer.words(), layer.cause())


def to_catch_up(task: TaskDefinition, skipped: Iterable[datetime], now: datetime) -> list[datetime]:
    """Return which of the occurrences that a pause kept back run after all, by the task's misfire policy."""
    policy = task.misfire
    most = {"latest": 1, "all": policy.max_catch_up, "skip": 0}[policy.policy]
    grace = timedelta(seconds=policy.grace_seconds)
    in_time = sorted(moment for moment in skipped if now - moment <= grace)
    return in_time[-most:] if most else []


def breaker_name(task_id: str) -> str:
    """Return the name of the layer that is the circuit breaker of a task.

    >>> breaker_name("a")
    'breaker:a'
    """
    return layer_name(PauseKind.BREAKER, task_id)


def opened(
    task_id: str, failures: int, *, after: int, probe_after: Sequence[float], last_failed: str, now: datetime
) -> PauseLayer | None:
    """Return the breaker of a task whose last `failures` runs have failed; None if it stays closed.

    It opens at the `after`th failure, and each failed probe opens it again: `probe_after` are the seconds
    until the first, second, … probe; the last of them holds for all further ones.
    """
    if failures < after:
        return None
    probes = failures - after
    return PauseLayer(
        PauseKind.BREAKER,
        task_id,
        since=now,
        who=WHO,
        reason=f"{failures} failed runs in a row, the last is {last_failed}",
        until=now + _wait(probe_after, probes),
        probes=probes,
    )


def probing(layer: PauseLayer, probe_after: Sequence[float], now: datetime) -> PauseLayer:
    """Return a breaker whose probe was sent: the next one is due if that has no outcome until then."""
    return replace(layer, until=now + _wait(probe_after, layer.probes))


def only_probe(decision: Decision, layer: PauseLayer) -> Decision:
    """Return the same decision with the newest occurrence as the probe, and all others skipped."""
    newest = max((one.scheduled_time for one in decision.actions if isinstance(one, Fire)), default=None)
    actions = tuple(
        Skip(one.scheduled_time, layer.words(), layer.cause())
        if isinstance(one, Fire) and one.scheduled_time != newest
        else one
        for one in decision.actions
    )
    return replace(decision, actions=actions)


def _wait(probe_after: Sequence[float], probes: int) -> timedelta:
    return timedelta(seconds=probe_after[min(probes, len(probe_after) - 1)])
