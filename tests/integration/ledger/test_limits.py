"""Named limits in the ledger's scripts: who begins, who waits where, and who is woken, on a real server.

This file has more than 250 lines because each way in which runs meet at a limit is one test of it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from beat.messages.outbox import send_outbox
from mission_control.ledger.claims import BeginVerdict
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.samples.ledger_runs import NOW, a_run, begun, lapse
from workers.call.context_calls import cooldown_for

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord


API: list[Any] = [["api", 1]]


class Limited:
    """A ledger whose runs have limits."""

    def __init__(self, installation: Installation) -> None:
        self.ours = installation
        self.ledger = installation.ledger
        self.client = installation.client

    def limit(self, name: str = "api", **fields: Any) -> None:
        self.ours.limits.set({"name": name, **fields})

    def enter(self, *execution_ids: str, limits: list[Any] | None = API, **changes: Any) -> None:
        for one in execution_ids:
            self.ledger.dispatch(a_run(one, limits=limits, **changes))

    def begin(self, execution_id: str, attempt: int = 1) -> BeginVerdict:
        return self.ledger.begin(execution_id, attempt, worker="w", at=NOW).verdict

    def begins(self, *execution_ids: str) -> list[str]:
        """Return those of the runs that begin, trying in this order."""
        return [one for one in execution_ids if self.begin(one) is BeginVerdict.BEGUN]

    def end(self, execution_id: str, state: RunState = RunState.SUCCESS) -> None:
        assert self.ledger.end(self.run(execution_id), state, at=NOW) is not None

    def run(self, execution_id: str) -> RunRecord:
        run = self.ledger.get(execution_id)
        assert run is not None
        return run

    def parked_in(self, execution_id: str) -> float | None:
        """Return in how many seconds a parked run is sent; None if it is not parked."""
        found = self.client.zscore(redis_keys.PARKED, execution_id)
        return None if found is None else float(found) - self.now()

    def now(self) -> float:
        seconds, micros = self.client.time()
        return float(seconds) + float(micros) / 1_000_000

    def woken(self) -> list[str]:
        """Return the parked runs that beat is to send at once, in their order."""
        found: Any = self.client.zrange(redis_keys.PARKED, 0, self.now(), byscore=True)
        return list(found)

    def left(self) -> list[str]:
        """Return the keys of limits that are left but for rates, which expire."""
        keys: Any = self.client.keys("mc:limits:*")
        return [key for key in sorted(keys) if self.client.ttl(key) < 0]


def calls_of(world: Limited, execution_id: str) -> int:
    """Return how many commands the server carries out, in scripts too, as a run begins and ends."""

    def count() -> int:
        stats: Any = world.client.info("commandstats")
        return sum(one["calls"] for name, one in stats.items() if name != "cmdstat_info")

    before = count()
    begun(world.ledger, execution_id)
    world.end(execution_id)
    return count() - before


@pytest.fixture
def world(installation: Installation) -> Limited:
    return Limited(installation)


def test_runs_beyond_the_concurrency_wait_parked_and_one_is_woken_for_each_that_ends(world: Limited) -> None:
    world.limit(concurrency=2)
    names = [f"a@{at}" for at in range(5)]
    world.enter(*names)
    assert world.begins(*names) == ["a@0", "a@1"]
    waiting = world.run("a@2")
    assert (waiting.state, waiting.limited_by, waiting.limited_until) == (RunState.DISPATCHED, "api", None)
    assert (world.parked_in("a@2") or 0) > 50  # a net only
    assert world.woken() == []
    world.end("a@0", RunState.FAILURE)
    assert world.woken() == ["a@2"]
    assert world.begin("a@4") is BeginVerdict.LIMITED  # the slot is held for the one that was woken
    assert world.begins("a@2") == ["a@2"]
    assert world.run("a@2").limited_by is None
    world.end("a@2")
    world.end("a@1", RunState.RETRYING)
    assert world.woken()[-2:] == ["a@3", "a@4"]
    assert world.begins("a@3", "a@4") == ["a@3", "a@4"]
    assert world.begin("a@1", attempt=2) is BeginVerdict.LIMITED
    world.end("a@3")
    assert world.begin("a@1", attempt=2) is BeginVerdict.BEGUN
    for one in ("a@1", "a@4"):
        world.end(one)
    assert world.left() == []


def test_rate_gives_each_run_its_exact_instant_and_a_cancelled_ones_goes_to_the_last(world: Limited) -> None:
    world.limit(rate="1/m", burst=2)
    names = [f"a@{at}" for at in range(6)]
    world.enter(*names)
    assert world.begins(*names) == ["a@0", "a@1"]
    waits = [world.parked_in(one) for one in names[2:]]
    assert waits == pytest.approx([60, 120, 180, 240], abs=5)
    until = world.run("a@3").limited_until
    assert until is not None
    assert until.timestamp() - world.now() == pytest.approx(120, abs=5)
    world.end("a@3", RunState.CANCELLED)
    assert [world.parked_in(one) for one in ("a@2", "a@5", "a@4")] == pytest.approx([60, 120, 180], abs=5)
    assert world.parked_in("a@3") is None
    before = world.parked_in("a@4")
    assert world.begin("a@4") is BeginVerdict.LIMITED  # sent too soon: it keeps its place
    assert world.parked_in("a@4") == pytest.approx(before, abs=10)


def test_retry_that_waits_for_a_limit_is_sent_as_the_attempt_that_it_is(world: Limited) -> None:
    world.limit(concurrency=1)
    world.enter("a@1", "a@2", expires_at=NOW)
    assert world.begins("a@1") == ["a@1"]
    world.end("a@1", RunState.RETRYING)
    assert world.begins("a@2") == ["a@2"]
    assert world.begin("a@1", attempt=2) is BeginVerdict.LIMITED
    world.client.rpush(redis_keys.OUTBOX, "a@1")  # as beat does once it is woken
    producer: Any = SimpleNamespace(producer=lambda: None)
    send_outbox(world.ours.celery, world.client, world.ledger, producer)
    queued: Any = world.client.lindex(world.run("a@1").queue, 0)
    headers = json.loads(queued)["headers"]
    assert (headers["id"], headers["retries"], headers["expires"]) == ("a@1", 1, None)


def test_killed_workers_slot_falls_away_with_its_lease_and_the_next_run_is_woken(world: Limited) -> None:
    world.limit(concurrency=1)
    world.enter("a@1", "a@2")
    assert world.begins("a@1", "a@2") == ["a@1"]
    lapse(world.ours, "a@1")
    assert world.woken() == []
    assert world.ledger.interrupt(world.run("a@1"), at=NOW, is_lapsed=True) is not None
    assert world.woken() == ["a@2"]
    assert world.begin("a@1") is BeginVerdict.LIMITED
    assert world.begins("a@2") == ["a@2"]
    world.end("a@2")
    assert world.begins("a@1") == ["a@1"]
    world.end("a@1")
    assert world.left() == []


def test_attempt_taken_over_before_the_sweep_keeps_its_slot_and_takes_no_token_too_soon(
    world: Limited,
) -> None:
    world.limit(concurrency=1)
    world.limit("rate", rate="1/h")
    world.enter("a@1", limits=[["api", 1]])
    world.enter("b@1", limits=[["rate", 1]])
    assert world.begins("a@1", "b@1") == ["a@1", "b@1"]
    lapse(world.ours, "a@1")
    lapse(world.ours, "b@1")
    assert world.begin("a@1") is BeginVerdict.BEGUN
    assert world.client.hgetall(redis_keys.LimitKeys("api").of("slots")) == {"": "1", "a@1": "1"}
    assert world.begin("b@1") is BeginVerdict.HELD
    world.end("a@1")
    assert world.left() == []


def test_values_of_per_have_buckets_of_their_own_and_take_turns_for_a_shared_limit(world: Limited) -> None:
    world.limit("each", concurrency=2, per="params.who")
    world.limit("all", concurrency=1)
    uses = [["each", 1], ["all", 1]]
    for at in range(4):
        world.enter(f"a@{at}", limits=uses, params={"who": "ada"})
        world.enter(f"b@{at}", limits=uses, params={"who": "x" * 500})
    assert world.begins(*(f"a@{at}" for at in range(4)), "b@0", "b@1") == ["a@0"]
    order = []
    for _ in range(5):
        running = next(run for run in world.ledger.active() if run.state is RunState.RUNNING)
        world.end(running.execution_id)
        (woken,) = world.woken()
        order += world.begins(woken)
    assert order == ["a@1", "b@0", "a@2", "b@1", "a@3"]
    world.end("a@3")
    assert world.left() == []


def test_heavy_run_is_not_passed_over_and_takes_all_slots_if_there_are_fewer(world: Limited) -> None:
    world.limit(concurrency=4)
    world.enter("a@1", "a@2", "b@2")
    world.enter("b@1", limits=[["api", 4]])
    assert world.begins("a@1", "b@1", "a@2", "b@2") == ["a@1"]  # b@1 comes first, and needs all
    world.limit(concurrency=2)
    world.end("a@1")
    assert world.begins(*world.woken()[:1]) == ["b@1"]
    world.end("b@1")
    assert sorted(world.begins("a@2", "b@2")) == ["a@2", "b@2"]


def test_run_of_several_limits_takes_all_or_none(world: Limited) -> None:
    world.limit("slots", concurrency=1)
    world.limit("rate", rate="1/h")
    uses = [["slots", 1], ["rate", 1]]
    world.enter("a@1", limits=[["rate", 1]])
    world.enter("a@2", limits=uses)
    world.enter("a@3", limits=[["slots", 1]])
    assert world.begins("a@1", "a@2", "a@3") == ["a@1", "a@3"]
    assert world.run("a@2").limited_by == "rate"


def test_cooldown_holds_back_everybody_with_the_limit_and_lets_no_burst_follow(world: Limited) -> None:
    world.limit(rate="1/m", burst=5)
    world.limit("other", concurrency=9)
    world.enter("a@1", "a@2", "a@3", limits=[["api", 1], ["other", 1]])
    run = begun(world.ledger, "a@1")
    cooldown = cooldown_for(run, world.ledger)
    assert cooldown("other", 30)
    assert world.begin("a@2") is BeginVerdict.LIMITED
    assert world.parked_in("a@2") == pytest.approx(30, abs=5)
    assert cooldown("api", 300)
    assert cooldown("api", 3)  # the longer one stays
    assert world.begins("a@2", "a@3") == []
    assert [world.parked_in(one) for one in ("a@2", "a@3")] == pytest.approx([300, 360], abs=6)
    for bad in (-1, float("nan"), 10**9, "3", True):
        with pytest.raises(ValueError, match="is no number of seconds between 0 and 604,800"):
            cooldown("api", bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'gpu' is no limit of run a@1; it has api, other"):
        cooldown("gpu", 1)
    world.end("a@1")
    assert not cooldown("api", 1)


def test_run_that_its_condition_skips_takes_no_token_and_ends_no_cooldown(world: Limited) -> None:
    world.limit(rate="1/m")
    world.enter("a@1", "a@2", "a@3")
    assert world.begins("a@1") == ["a@1"]
    world.end("a@1", RunState.SKIPPED)
    run = begun(world.ledger, "a@2")
    assert cooldown_for(run, world.ledger)("api", 300)
    world.end("a@2", RunState.SKIPPED)
    assert world.begin("a@3") is BeginVerdict.LIMITED
    assert world.parked_in("a@3") == pytest.approx(300, abs=5)


def test_changed_limit_judges_the_runs_that_wait_at_once(world: Limited) -> None:
    world.limit(concurrency=1)
    world.limit("rate", rate="1/h")
    world.enter("a@1", "a@2", "a@3")
    world.enter("b@1", "b@2", limits=[["rate", 1]])
    assert world.begins("a@1", "a@2", "a@3", "b@1", "b@2") == ["a@1", "b@1"]
    world.limit(concurrency=2)
    world.limit("rate", rate="1/m")
    assert world.begins("a@2", "a@3", "b@2") == ["a@2"]
    assert (world.parked_in("b@2") or 0) > 3_000  # tokens that were taken count
    world.limit(concurrency=1)
    assert world.begins("a@3") == []
    world.end("a@1")
    assert "a@3" not in world.woken()
    world.ours.limits.remove("api")
    world.ours.limits.remove("rate")
    assert world.begins(*world.woken()) == ["a@3", "b@2"]
    for one in ("a@2", "a@3", "b@1", "b@2"):
        world.end(one)
    assert world.left() == []


def test_run_that_would_expire_while_it_waits_is_sent_when_it_does(world: Limited) -> None:
    world.limit(rate="1/h")
    expires = datetime.now(UTC) + timedelta(minutes=1)
    world.enter("a@1")
    world.enter("a@2", expires_at=expires)
    assert world.begins("a@1", "a@2") == ["a@1"]
    world.ledger.expire_parked(world.run("a@2"))
    assert world.parked_in("a@2") == pytest.approx(60, abs=10)


def test_slot_of_a_run_that_another_program_deleted_is_found_by_the_next(world: Limited) -> None:
    world.limit(concurrency=1)
    world.enter("a@1", "a@2")
    assert world.begins("a@1") == ["a@1"]
    world.client.delete(redis_keys.run("a@1"))
    assert world.begins("a@2") == ["a@2"]
    world.end("a@2")


def test_run_without_limits_asks_redis_about_none_and_each_limit_costs_a_bounded_number_of_commands(
    world: Limited,
) -> None:
    for name in "abc":
        world.limit(name, concurrency=5, rate="100/s", burst=100)
    for at, uses in enumerate([[], [], ["a"], ["a"], ["a", "b", "c"]]):
        world.enter(f"a@{at}", limits=[[name, 1] for name in uses] or None)
    calls = [calls_of(world, f"a@{at}") for at in range(5)]  # the first of each loads a script
    one, three = calls[3] - calls[1], calls[4] - calls[1]
    assert 0 < one <= 14
    assert one < three <= 36
    world.client.set(redis_keys.LIMITS, "which would be an error, if it were read")
    world.enter("b@1", limits=None)
    begun(world.ledger, "b@1")
    world.end("b@1")
