"""One run: the execution of an occurrence, or of a manual or ad-hoc trigger."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self

import orjson

from mission_control.model.runs.run_state import RunState
from mission_control.model.values.dollars import BILLIONTHS
from mission_control.model.values.instants import format_instant, parse_instant

INTERRUPTED: Final = "interrupted"
"""The `reason` of a run that Ctrl-C ended in a program that ran it in its own process."""


class Trigger(StrEnum):
    """What caused a run."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    BACKFILL = "backfill"
    AFTER = "after"  # the end of another task's run
    PLAIN = "plain"  # a message of a plain Celery client, unknown to the ledger until it is claimed


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run as the ledger knows it; a value, changed only by the ledger's transitions.

    All times are aware and in UTC. `moved_to` is when an occurrence is due that was moved from its
    `scheduled_time`. `fresh_process` and `overlaps` (it may run while another run of its task is active) are
    true or None. `secret_params` names the params that the task marks as secret, None for none. `attempt` is
    the last attempt begun, 1-based, 0 before the first. `output` is what the handler returned as `output`,
    any JSON value. `fence` is the number of the last claim, over all attempts; `deliveries` how often the
    attempt was begun; `pid` is the process of `worker` that made it. `resends` is how often the message that
    is waited for was sent again, last at `resent_at`; claims reset it. `breaker` is the task's circuit
    breaker, None for none; `notify` what the task says about notifications, None for the default.
    `released_at` is when a message that was parked was put on its queue. `cause` is why an occurrence was not
    fired, see `Cause`. `waits_for` is the run of its task that must end first, until `waits_until` at the
    latest; `released_run` is the run that waited for the end of this one. `deadline` are the task's
    deadlines; only then is `first_started_at` known, when its first attempt began. `late` are those that beat
    has seen it pass. `backfill` is the backfill that it belongs to. `limits` are its named limits, each a
    name and a weight, None for none; `limited_by` is the limit that the run waits for, until `limited_until`
    if that is known. `budgets` are its budgets as `BudgetUse.of_run` has them; `spent_usd` (dollars) and
    `spent_tokens` what its attempts have reported, None for nothing. `calls` is how many debounced requests
    it stands for, None if it was not debounced. `condition` has the function that a worker asks first;
    `condition_seen` is what a built-in condition saw. `upstream` are the runs of other tasks that this one
    came after, `root` the first of them all; None for a run that came after none. `spread_seconds` is how
    long after its due time beat fires it, None for at once.
    """

    execution_id: str
    task_id: str
    handler: str
    scheduled_time: datetime
    dispatched_at: datetime
    trigger: Trigger = Trigger.SCHEDULE
    state: RunState = RunState.DISPATCHED
    params: dict[str, Any] = field(default_factory=dict)
    secret_params: list[str] | None = None
    retry_policy: dict[str, Any] = field(default_factory=dict)
    timeout_seconds: float | None = None
    expires_at: datetime | None = None
    queue: str = "default"
    priority: int = 0
    revision: int | None = None
    is_fixed_delay: bool = False
    fresh_process: bool | None = None
    breaker: dict[str, Any] | None = None
    notify: dict[str, Any] | None = None
    overlaps: bool | None = None
    limits: list[Any] | None = None
    budgets: list[Any] | None = None
    deadline: dict[str, Any] | None = None
    condition: dict[str, Any] | None = None
    condition_seen: str | None = None
    moved_to: datetime | None = None
    spread_seconds: float | None = None
    backfill: str | None = None
    root: str | None = None
    upstream: list[str] | None = None
    attempt: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    retry_at: datetime | None = None
    duration_ms: int | None = None
    worker: str | None = None
    pid: int | None = None
    output: Any = None
    error: str | None = None
    reason: str | None = None
    cause: dict[str, str] | None = None
    fence: int | None = None
    deliveries: int | None = None
    cancel_requested: str | None = None
    resent_at: datetime | None = None
    resends: int = 0
    released_at: datetime | None = None
    waits_for: str | None = None
    waits_until: datetime | None = None
    released_run: str | None = None
    limited_by: str | None = None
    limited_until: datetime | None = None
    spent_usd: float | None = None
    spent_tokens: int | None = None
    calls: int | None = None
    first_started_at: datetime | None = None
    late: list[str] | None = None

    @property
    def due_at(self) -> datetime:
        """When the run should start."""
        return self.scheduled_time if self.moved_to is None else self.moved_to

    @property
    def spent(self) -> dict[str, float]:
        """What the run has spent so far by unit, as far as it has reported any."""
        amounts = {"usd": self.spent_usd, "tokens": self.spent_tokens}
        return {unit: amount for unit, amount in amounts.items() if amount is not None}

    @property
    def retries(self) -> int:
        """How often the attempt that comes next repeats the run, which is Celery's number for its message.

        A running or interrupted attempt comes next itself.
        """
        is_begun = self.state in {RunState.RUNNING, RunState.INTERRUPTED}
        return self.attempt - 1 if is_begun else self.attempt

    def to_hash(self) -> dict[str, str]:
        """Return the fields of the run's Redis hash; what is None is left out.

        All that never changes is one field, `spec`, so that a run costs Redis little.
        """
        return {"spec": json_text(self.spec()), **self.changing()}

    def spec(self) -> dict[str, str]:
        """Return the fields that are fixed when the run is entered, as its `spec` has them."""
        values = vars(self)
        return {name: _ENCODERS.get(name, str)(one) for name in _FIXED if (one := values[name]) is not None}

    def changing(self) -> dict[str, str]:
        """Return the fields that transitions write, as the run's Redis hash has them."""
        return encoded(vars(self))

    def duration_until(self, moment: datetime) -> int | None:
        """Return how many milliseconds the attempt has run at `moment`; None if none was begun."""
        if self.started_at is None:
            return None
        return max(0, round((moment - self.started_at).total_seconds() * 1_000))

    @classmethod
    def from_hash(cls, stored: Mapping[str, str]) -> Self:
        """Read a run back from its Redis hash; fields of later versions are ignored.

        Another field of the hash never stands for one of the spec, which alone is signed.
        """
        texts = {**stored, **orjson.loads(stored["spec"])}
        values = {name: _DECODERS[name](text) for name, text in texts.items() if name in _DECODERS}
        if not values.keys() >= _REQUIRED:
            return cls(**values)  # which names what is missing
        # Workers read each run twice; a frozen dataclass takes as long to set its fields as to decode them.
        run = cls.__new__(cls)
        vars(run).update({**_DEFAULTS, "params": {}, "retry_policy": {}, **values})
        return run

    @classmethod
    def from_pairs(cls, pairs: Sequence[str]) -> Self:
        """Read a run from the list of fields and values that a script returns."""
        return cls.from_hash(dict(zip(pairs[::2], pairs[1::2], strict=True)))


def encoded(changes: Mapping[str, Any]) -> dict[str, str]:
    """Return changes to a run as its Redis hash has them: only fields that transitions write, and no None."""
    given = {name: value for name, value in changes.items() if name in CHANGING and value is not None}
    return {name: _ENCODERS.get(name, str)(value) for name, value in given.items()}


CHANGING: Final = frozenset(
    {
        *("dispatched_at", "state", "attempt", "started_at", "finished_at", "retry_at"),
        *("duration_ms", "worker", "output", "error", "reason", "cause"),
    }
)
"""Fields that transitions write; the others are fixed when a run is entered."""

_SCRIPTS_OWN: Final = frozenset(
    {
        *("fence", "pid", "deliveries", "cancel_requested", "resent_at", "resends", "released_at"),
        *("waits_for", "waits_until", "released_run", "limited_by", "limited_until"),
        *("spent_usd", "spent_tokens", "calls", "first_started_at", "late"),
    }
)
"""Fields that only scripts write."""

RECORDED: Final = f",{','.join(sorted({'spec', *CHANGING, *_SCRIPTS_OWN}))},"
"""The fields of a run's hash that belong to its record, as scripts get them."""

_NAMES: Final = frozenset(one.name for one in fields(RunRecord))
_DEFAULTS: Final = {one.name: one.default for one in fields(RunRecord) if one.default is not MISSING}
_REQUIRED: Final = _NAMES - _DEFAULTS.keys() - {"params", "retry_policy"}
_FIXED: Final = tuple(one.name for one in fields(RunRecord) if one.name not in CHANGING | _SCRIPTS_OWN)


_JSON_TEXT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def json_text(value: object) -> str:
    """Return a value as the JSON that a run's hash holds."""
    return _JSON_TEXT.encode(value)


def _instant(text: str) -> datetime:
    # Like `parse_instant`, without its messages for people: runs have several instants and are read often.
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is UTC else parse_instant(text)


_TIMES: Final = (
    *("scheduled_time", "dispatched_at", "expires_at", "moved_to"),
    *("started_at", "finished_at", "retry_at", "resent_at", "released_at", "waits_until", "first_started_at"),
)
_WHOLE_NUMBERS: Final = (
    *("priority", "revision", "attempt", "duration_ms"),
    *("fence", "pid", "deliveries", "resends", "spent_tokens", "calls"),
)
_JSON: Final = (
    *("params", "secret_params", "retry_policy", "output", "cause"),
    *("is_fixed_delay", "fresh_process", "overlaps", "breaker", "limits", "budgets", "notify", "upstream"),
    *("deadline", "late", "condition"),
)

_ENCODERS: Final[dict[str, Callable[[Any], str]]] = dict.fromkeys(_TIMES, format_instant)
_ENCODERS.update(dict.fromkeys(_JSON, json_text))
_DECODERS: Final[dict[str, Callable[[str], Any]]] = {
    **dict.fromkeys(_NAMES, str),
    **dict.fromkeys(_TIMES, _instant),
    **dict.fromkeys(_JSON, json.loads),  # which knows integers of any length
    "is_fixed_delay": "true".__eq__,
    **dict.fromkeys(_WHOLE_NUMBERS, int),
    **dict.fromkeys(("timeout_seconds", "spread_seconds"), float),
    "spent_usd": lambda text: int(text) / BILLIONTHS,
    "limited_until": lambda text: datetime.fromtimestamp(float(text), UTC),
    "state": RunState,
    "trigger": Trigger,
}
