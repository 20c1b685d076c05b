"""Where backfills are kept: each plan with what it has to send, and its unfinished runs.

What is left of a plan is in Redis alone, so any process may die at any moment, and beat goes on.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final, cast

import orjson
from redis import Redis

from mission_control.model.runs.backfill_plan import ENDED, BackfillPlan, BackfillState
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import format_instant, parse_instant
from mission_control.signing.keyring import NO_KEYS, Keyring
from mission_control.signing.run_specs import signed_spec
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

_ID: Final = re.compile(rf"{re.escape(redis_keys.backfill(''))}([0-9A-Z]+)")


@dataclass(frozen=True)
class BackfillItem:
    """A run that a backfill has to send."""

    execution_id: str
    scheduled_time: datetime

    def to_text(self) -> str:
        """Return it as it stands in the list."""
        return f"{format_instant(self.scheduled_time)} {self.execution_id}"

    @classmethod
    def from_text(cls, text: str) -> "BackfillItem":
        """Read it back."""
        moment, _, execution_id = text.partition(" ")
        return cls(execution_id, parse_instant(moment))


@dataclass(frozen=True)
class OpenBackfill:
    """A backfill that is not over, the ids of its unfinished runs, and the first few that it has to send."""

    plan: BackfillPlan
    unfinished: frozenset[str]
    items: tuple[BackfillItem, ...]


class Backfills:
    """Enters backfills, and their runs one by one.

    Guarantees: each item of a plan is entered once, whatever is killed; none after the plan was cancelled.
    """

    def __init__(self, client: Redis, *, retention: timedelta, keyring: Keyring = NO_KEYS) -> None:
        self._client = client
        self._retention_seconds = int(retention.total_seconds())
        self._keyring = keyring

    def start(self, plan: BackfillPlan, items: Iterable[BackfillItem]) -> str | None:
        """Enter a plan; if an open one of the task has a part of its range, return that one's id instead."""
        span = {"task_id": plan.task_id, "start": plan.start.timestamp(), "end": plan.end.timestamp()}
        keys = _keys(plan.backfill_id)[:3]
        args = [plan.backfill_id, orjson.dumps(span), plan.to_spec(), *(one.to_text() for one in items)]
        return cast("str | None", self._run("start", keys, args))

    def get(self, backfill_id: str) -> BackfillPlan | None:
        """Return a plan, or None if there is none, or no longer."""
        stored = cast("dict[str, str]", self._client.hgetall(redis_keys.backfill(backfill_id)))
        return BackfillPlan.from_hash(stored) if stored else None

    def all(self) -> list[BackfillPlan]:
        """Return all plans that are remembered, the oldest first."""
        pattern = f"{redis_keys.backfill('')}*"
        keys: Iterable[str] = self._client.scan_iter(match=pattern, count=1_000)
        ids = sorted(match[1] for key in keys if (match := _ID.fullmatch(key)) is not None)
        return [plan for one in ids if (plan := self.get(one)) is not None]

    def open(self, *, most: int = 1) -> list[OpenBackfill]:
        """Return the plans that are not over, the oldest first, each with `most` items."""
        return open_backfills(self._client, most=most)

    def enter(self, item: BackfillItem, run: RunRecord, *, not_before: float) -> str:
        """Enter the run of the first item; return "entered", "existing" or "moved", as the script does."""
        _, *keys = _keys(str(run.backfill))
        keys += [redis_keys.run(run.execution_id), redis_keys.ACTIVE_RUNS, redis_keys.task_runs(run.task_id)]
        written = run.to_hash()
        written["spec"] = signed_spec(orjson.loads(written["spec"]), self._keyring)
        moments = [run.dispatched_at.timestamp(), run.scheduled_time.timestamp(), not_before]
        fields = chain.from_iterable(written.items())
        return str(self._run("enter", keys, [item.to_text(), run.execution_id, *moments, *fields]))

    def end_run(
        self, backfill_id: str, at: datetime, *, execution_id: str = "", state: str = ""
    ) -> str | None:
        """Note how one of its runs ended; return the state in which the backfill was closed, if it was."""
        moment = format_instant(at)
        args = [backfill_id, execution_id, f"{ENDED}{state}", moment, self._retention_seconds]
        closed = self._run("end_run", _keys(backfill_id), [*args, redis_keys.WAKE_CHANNEL])
        return cast("str | None", closed)

    def cancel(self, backfill_id: str, reason: str) -> bool:
        """Let nothing more be sent; False if it is over. Its unfinished runs are the caller's, or beat's."""
        return bool(
            self._run("cancel", _keys(backfill_id)[:3], [backfill_id, reason, BackfillState.CANCELLED])
        )

    def unfinished(self, backfill_id: str) -> set[str]:
        """Return the ids of its unfinished runs."""
        return cast("set[str]", self._client.smembers(redis_keys.backfill_runs(backfill_id)))

    def _run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:  # noqa: ANN401
        return lua_script(self._client, __package__, f"backfill_{name}")(keys=keys, args=args)


def open_backfills(client: Redis, *, most: int = 1) -> list[OpenBackfill]:
    """Return the backfills that are not over, the oldest first, each with `most` items."""
    ids = sorted(cast("list[str]", client.hkeys(redis_keys.BACKFILLS)))
    with client.pipeline() as pipe:
        for one in ids:
            _, plan, left, unfinished = _keys(one)
            pipe.hgetall(plan)
            pipe.smembers(unfinished)
            pipe.lrange(left, 0, most - 1)
        found: list[Any] = pipe.execute()
    return [
        OpenBackfill(
            BackfillPlan.from_hash(stored),
            frozenset(unfinished),
            tuple(BackfillItem.from_text(text) for text in items),
        )
        for stored, unfinished, items in zip(found[::3], found[1::3], found[2::3], strict=True)
        if stored
    ]


def _keys(backfill_id: str) -> list[str]:
    names = (redis_keys.backfill, redis_keys.backfill_left, redis_keys.backfill_runs)
    return [redis_keys.BACKFILLS, *(name(backfill_id) for name in names)]
