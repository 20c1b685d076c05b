"""Entries that another program has spoilt: set aside with the reason, and the others never wait for them.

This file has more than 250 lines because all of it is done to one beat, which is expensive to start.
"""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from celery.schedules import schedule
from redbeat import RedBeatSchedulerEntry

from mission_control.configuration.clock import utc_now
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation, create_app
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import format_instant
from mission_control.operate.health import quarantine_issues
from mission_control.operate.journal import quarantine_notes
from mission_control.store import redis_keys
from tests.processes.beats import leading_beat, sent_ids
from tests.samples.spoilt import HANDLER, HASHES, KEY, NAME, OWN, STILL_DUE, own, plain, spoil
from tests.stage.live_installation import YEARLY
from tests.stage.quarantine import quarantined_tasks
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.model.runs.run_record import RunRecord
    from tests.processes.beats import BeatProcess

pytestmark = pytest.mark.starts_early(100)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with RedisServer() as server:
        folder = tmp_path_factory.mktemp("poison")
        installation = Installation(read_settings(redis_url=server.url, data_dir=folder, notify=()))
        # The first registration imports all that is needed; an instant set before that would have passed.
        installation.registry.register({"id": "first", "schedule": YEARLY, "handler": HANDLER})
        yield installation


@pytest.fixture(scope="module")
def beat(place: Installation) -> Iterator[BeatProcess]:
    with leading_beat(place) as process:
        yield process


@pytest.fixture
def spoilt(place: Installation) -> Installation:
    """The installation without the tasks and traces of other tests."""
    keys = [
        key for key in place.client.scan_iter("*") if not key.startswith((redis_keys.BEAT_LEADER, "_kombu"))
    ]
    if keys:
        place.client.delete(*keys)
    return place


def now() -> float:
    return utc_now().timestamp()


def good_task_fires(place: Installation, name: str = "good") -> None:
    """Register a task that is due in a moment, and wait for its run."""
    due = utc_now() + timedelta(seconds=0.1)
    at = due.isoformat().replace("+00:00", "Z")
    task = {"id": name, "schedule": {"type": "once", "at": at}, "handler": HANDLER}
    assert place.registry.register(task, catch_up=True)  # the moment may have passed on a busy machine
    runs = wait_until(lambda: place.ledger.runs_of(name), f"{name} fires")
    assert runs[0].scheduled_time == due
    assert runs[0].dispatched_at >= due


def all_quarantined(place: Installation) -> dict[str, str]:
    return quarantined_tasks(place.client, place.redbeat_keys)


def quarantined(place: Installation, name: str = NAME) -> str:
    """Wait until an entry is set aside; return what is said of it, in the journal and in `status` alike."""
    problem: str | None = wait_until(lambda: all_quarantined(place).get(name), f"{name} is set aside")
    journal: Any = place.client.xrange(redis_keys.BEAT_JOURNAL)
    notes = [fields for _, fields in journal if fields["event"] == "quarantined"]
    assert {"key": redis_keys.DEFAULT_REDBEAT_KEYS.entry(name), "problem": problem}.items() <= notes[
        -1
    ].items()
    assert (
        place.client.zscore(
            redis_keys.DEFAULT_REDBEAT_KEYS.schedule, redis_keys.DEFAULT_REDBEAT_KEYS.entry(name)
        )
        is None
    )
    assert problem is not None
    return problem


@pytest.mark.parametrize("what", [name for name in HASHES if name not in STILL_DUE])
def test_corrupt_hash_is_quarantined_and_registering_the_task_restores_it(
    spoilt: Installation, beat: BeatProcess, what: str
) -> None:
    if fields := HASHES[what]:
        spoilt.client.hset(KEY, mapping=fields)
    spoilt.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {KEY: now() - 1})

    good_task_fires(spoilt)

    assert quarantined(spoilt)
    assert beat.exit_code is None
    assert not [one for one in sent_ids(spoilt.client) if one.startswith(NAME)]
    good_task_fires(spoilt, NAME)
    assert NAME not in all_quarantined(spoilt)


def every_second(place: Installation, **fields: Any) -> None:
    task = {"id": NAME, "schedule": {"type": "interval", "seconds": 1}, "handler": HANDLER}
    assert place.registry.register({**task, "overlap": "allow", **fields})


def runs_in(place: Installation, state: RunState) -> list[RunRecord]:
    return [run for run in place.ledger.runs_of(NAME, limit=1_000) if run.state is state]


def every_occurrence_is_recorded(place: Installation) -> bool:
    times = sorted(run.scheduled_time for run in place.ledger.runs_of(NAME, limit=1_000))
    return {later - earlier for earlier, later in pairwise(times)} == {timedelta(seconds=1)}


def remedy(place: Installation) -> str:
    (issue,) = quarantine_issues(quarantine_notes(place.client, place.redbeat_keys))
    return issue.remedy


def fires_after_now(place: Installation) -> None:
    since = utc_now()
    wait_until(
        lambda: any(run.scheduled_time > since for run in runs_in(place, RunState.DISPATCHED)),
        "the task fires again",
    )


@pytest.mark.parametrize("what", STILL_DUE)
def test_corrupt_task_that_still_tells_when_it_is_due_is_missed_until_it_is_repaired(
    spoilt: Installation, beat: BeatProcess, what: str
) -> None:
    every_second(spoilt)
    sound = spoilt.client.hget(KEY, "task")
    wrong = {
        name: value for name, value in json.loads(HASHES[what]["task"]).items() if OWN.get(name) != value
    }
    spoilt.client.hset(KEY, "task", json.dumps({**json.loads(str(sound)), **wrong}))
    missed = wait_until(lambda: runs_in(spoilt, RunState.MISSED), "an occurrence is missed")
    problem = wait_until(lambda: all_quarantined(spoilt).get(NAME), "the task is quarantined") or ""
    assert next(iter(wrong)) in problem
    assert {(run.reason, str(run.cause)) for run in missed} == {
        (f"quarantined: {problem}", str({"class": "quarantined"}))
    }
    assert remedy(spoilt).endswith("each occurrence is missed until then")
    spoilt.client.hset(KEY, "task", str(sound))
    fires_after_now(spoilt)
    wait_until(lambda: NAME not in all_quarantined(spoilt), "its quarantine ends")
    assert every_occurrence_is_recorded(spoilt)
    assert beat.exit_code is None


def test_task_that_nothing_can_be_read_of_accounts_for_its_occurrences_afterwards(
    spoilt: Installation, beat: BeatProcess
) -> None:
    every_second(spoilt)
    sound = spoilt.client.hget(KEY, "task")
    spoilt.client.hset(KEY, "task", "{oops")
    quarantined(spoilt)
    assert remedy(spoilt).endswith("recorded afterwards, by its misfire policy")
    good_task_fires(spoilt)
    spoilt.client.hset(KEY, "task", str(sound))
    fires_after_now(spoilt)
    assert every_occurrence_is_recorded(spoilt)
    assert beat.exit_code is None


@pytest.mark.parametrize("name", ["x\x1b[2J\nforged", "x" * 250], ids=["hostile", "too long"])
def test_entry_whose_name_can_be_no_runs_id_is_quarantined(
    spoilt: Installation, beat: BeatProcess, name: str
) -> None:
    key = redis_keys.DEFAULT_REDBEAT_KEYS.entry(name)
    spoilt.client.hset(key, mapping=plain(name=name))
    spoilt.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {key: now() - 1})
    good_task_fires(spoilt)
    assert "name has" in quarantined(spoilt, name)
    assert not [one for one in sent_ids(spoilt.client) if one.startswith("x")]
    assert beat.exit_code is None


@pytest.mark.parametrize("kind", ["string", "list", "set", "stream"])
def test_entry_of_the_wrong_redis_type_is_quarantined(
    spoilt: Installation, beat: BeatProcess, kind: str
) -> None:
    spoil(spoilt, KEY, kind)
    spoilt.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {KEY: now() - 1})
    good_task_fires(spoilt)
    assert "WRONGTYPE" in quarantined(spoilt)
    assert [task["id"] for task in spoilt.registry.tasks()] == ["good"]
    assert beat.exit_code is None
    good_task_fires(spoilt, NAME)


@pytest.mark.parametrize("what", ["queue", "run", "runs of the task"])
def test_task_whose_run_cannot_be_sent_is_quarantined(
    spoilt: Installation, beat: BeatProcess, what: str
) -> None:
    due = utc_now().replace(microsecond=0) - timedelta(seconds=1)
    key = {
        "queue": "elsewhere",
        "run": redis_keys.run(occurrence_execution_id(NAME, due)),
        "runs of the task": redis_keys.task_runs(NAME),
    }[what]
    spoil(spoilt, key, "string")
    yearly = {"type": "interval", "days": 365, "anchor": format_instant(due)}
    definition = {
        "id": NAME,
        "schedule": yearly,
        "handler": HANDLER,
        "queue": "elsewhere",
        "overlap": "allow",
    }
    assert spoilt.registry.register(definition)
    with spoilt.client.pipeline() as pipe:  # at once: beat may look between the two
        pipe.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {KEY: due.timestamp()})
        pipe.hset(KEY, "due", due.timestamp())
        pipe.execute()

    good_task_fires(spoilt)

    assert "wrong type" in quarantined(spoilt)
    assert beat.exit_code is None
    spoilt.client.delete(key)
    assert spoilt.registry.update(NAME, {"description": "repaired"})
    assert spoilt.client.zscore(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, KEY) is not None
    assert NAME not in all_quarantined(spoilt)


def test_enabling_a_quarantined_task_restores_it(spoilt: Installation, beat: BeatProcess) -> None:
    spoil(spoilt, "elsewhere", "string")
    every_second(spoilt, queue="elsewhere")
    quarantined(spoilt)
    spoilt.client.delete("elsewhere")
    assert spoilt.registry.enable(NAME)
    fires_after_now(spoilt)
    assert every_occurrence_is_recorded(spoilt)
    assert beat.exit_code is None


def test_task_whose_queue_was_overwritten_for_a_while_fires_again_by_itself(
    spoilt: Installation, beat: BeatProcess
) -> None:
    spoil(spoilt, "elsewhere", "string")
    every_second(spoilt, queue="elsewhere")
    quarantined(spoilt)
    spoilt.client.delete("elsewhere")
    wait_until(lambda: sent_ids(spoilt.client, "elsewhere"), "the task fires again", timeout=30)
    assert NAME not in all_quarantined(spoilt)
    assert beat.exit_code is None


def test_quarantined_redbeat_entry_is_restored_when_saved_again(
    spoilt: Installation, beat: BeatProcess
) -> None:
    spoilt.client.hset(KEY, mapping=plain(args="abc"))
    spoilt.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {KEY: now() - 1})
    quarantined(spoilt)
    app = create_app("other", lambda: spoilt)
    RedBeatSchedulerEntry(NAME, HANDLER, schedule(1), app=app).save()
    wait_until(lambda: sent_ids(spoilt.client), "the entry fires")
    wait_until(lambda: NAME not in all_quarantined(spoilt), "its note is removed")
    assert beat.exit_code is None


def test_schedule_member_that_is_not_text_is_quarantined(spoilt: Installation, beat: BeatProcess) -> None:
    spoilt.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {b"redbeat:\xff": now() - 1})
    good_task_fires(spoilt)
    assert wait_until(lambda: all_quarantined(spoilt).get("\\xff"), "it is set aside")
    assert beat.exit_code is None


@pytest.mark.parametrize("score", [-5.0, float("-inf"), float("inf"), 1e300])
def test_impossible_due_time_delays_no_other_task(
    spoilt: Installation, beat: BeatProcess, score: float
) -> None:
    spoilt.client.hset(KEY, mapping=own(enabled=True))
    spoilt.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {KEY: score})
    good_task_fires(spoilt)
    if score < 0:
        quarantined(spoilt)
    assert beat.exit_code is None


def test_redbeat_entry_that_has_ended_is_neither_fired_nor_quarantined(
    spoilt: Installation, beat: BeatProcess
) -> None:
    spoilt.client.hset(KEY, mapping=plain())
    spoilt.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {KEY: -1})
    good_task_fires(spoilt)
    assert sent_ids(spoilt.client) == [run.execution_id for run in spoilt.ledger.runs_of("good")]
    assert all_quarantined(spoilt) == {}
    assert beat.exit_code is None


def test_thousand_corrupt_entries_do_not_delay_a_good_one(spoilt: Installation, beat: BeatProcess) -> None:
    spoilt.client.zadd(
        redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {f"redbeat:gone-{at}": now() - 1 for at in range(1_000)}
    )
    good_task_fires(spoilt)
    wait_until(lambda: len(all_quarantined(spoilt)) == 1_000, "all of them are set aside")
    assert beat.exit_code is None


@pytest.mark.parametrize("key", [redis_keys.DEFAULT_REDBEAT_KEYS.schedule, redis_keys.TASKS])
def test_overwritten_schedule_is_kept_and_rebuilt(spoilt: Installation, beat: BeatProcess, key: str) -> None:
    app = create_app("other", lambda: spoilt)
    entry = RedBeatSchedulerEntry("theirs", HANDLER, schedule(3600), last_run_at=utc_now(), app=app)
    entry.save()  # it is due an hour after that, whenever it is looked at
    assert spoilt.registry.register({"id": "ours", "schedule": YEARLY, "handler": HANDLER})
    assert spoilt.registry.register({"id": "off", "schedule": YEARLY, "handler": HANDLER, "enabled": False})
    before: Any = spoilt.client.zrange(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, 0, -1, withscores=True)

    spoil(spoilt, key, "string")

    (kept,) = wait_until(lambda: list(spoilt.client.scan_iter(f"{key}:overwritten:*")), "it is kept")
    wait_until(lambda: kept in beat.log, "it is reported")
    assert spoilt.client.get(kept) == "spoilt"
    good_task_fires(spoilt)
    after: Any = spoilt.client.zrange(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, 0, -1, withscores=True)
    assert dict(after) == pytest.approx(dict(before), abs=1.0)
    assert {"ours", "off", "good"} <= spoilt.client.smembers(redis_keys.TASKS)
    assert beat.exit_code is None


def test_deleted_schedule_is_rebuilt(spoilt: Installation, beat: BeatProcess) -> None:
    assert spoilt.registry.register({"id": "ours", "schedule": YEARLY, "handler": HANDLER})
    due = spoilt.client.zscore(
        redis_keys.DEFAULT_REDBEAT_KEYS.schedule, redis_keys.DEFAULT_REDBEAT_KEYS.entry("ours")
    )
    before = turns(spoilt)
    wait_until(lambda: turns(spoilt) >= before + 2, "beat has seen the task")

    spoilt.client.delete(redis_keys.DEFAULT_REDBEAT_KEYS.schedule)

    wait_until(lambda: spoilt.client.exists(redis_keys.DEFAULT_REDBEAT_KEYS.schedule), "it is rebuilt")
    assert (
        spoilt.client.zscore(
            redis_keys.DEFAULT_REDBEAT_KEYS.schedule, redis_keys.DEFAULT_REDBEAT_KEYS.entry("ours")
        )
        == due
    )
    assert beat.exit_code is None


@pytest.mark.parametrize(
    "key",
    [
        *(redis_keys.ACTIVE_RUNS, redis_keys.FINISHED_RUNS, redis_keys.PARKED, redis_keys.PARKED_PAYLOADS),
        *(redis_keys.PENDING_RECORDS, redis_keys.OUTBOX, redis_keys.BEAT_JOURNAL, redis_keys.BEAT_QUARANTINE),
        redis_keys.CATCH_UP_PACE,
    ],
)
def test_key_of_wrong_type_is_reported_and_beat_fires_when_it_is_deleted(
    spoilt: Installation, beat: BeatProcess, key: str
) -> None:
    spoil(spoilt, key, "set")
    wait_until(lambda: f"key_of_wrong_type key={key} found=set" in beat.log, "it is reported", timeout=15)
    spoilt.client.delete(key)
    good_task_fires(spoilt)
    assert beat.exit_code is None


def test_overwritten_journal_stops_neither_firing_nor_quarantine(
    spoilt: Installation, beat: BeatProcess
) -> None:
    spoil(spoilt, redis_keys.BEAT_JOURNAL, "set")
    spoilt.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {"redbeat:gone": now() - 1})
    good_task_fires(spoilt)
    wait_until(lambda: "gone" in all_quarantined(spoilt), "the corrupt entry is quarantined")
    report = f"key_of_wrong_type key={redis_keys.BEAT_JOURNAL} found=set"
    wait_until(lambda: report in beat.log, "it is reported", timeout=15)


def test_parked_message_is_released_while_a_key_of_wrong_type_stops_firing(
    spoilt: Installation, beat: BeatProcess
) -> None:
    spoil(spoilt, redis_keys.CATCH_UP_PACE, "set")
    at = (utc_now() + timedelta(seconds=0.1)).isoformat()
    held = {"id": "held", "schedule": {"type": "once", "at": at}, "handler": HANDLER}
    assert spoilt.registry.register(held, catch_up=True)  # the moment may have passed on a busy machine
    wait_until(lambda: "waiting for Redis" in beat.log, "beat cannot fire")
    spoilt.client.hset(redis_keys.PARKED_PAYLOADS, "parked", msgpack.packb(["elsewhere", "{}"]))
    spoilt.client.zadd(redis_keys.PARKED, {"parked": now() + 3})
    wait_until(lambda: spoilt.client.llen("elsewhere") == 1, "it is released", timeout=15)
    assert not spoilt.ledger.runs_of("held")
    spoilt.client.delete(redis_keys.CATCH_UP_PACE)
    wait_until(lambda: spoilt.ledger.runs_of("held"), "the task fires")


def test_unreadable_pending_records_do_not_stop_beat(spoilt: Installation, beat: BeatProcess) -> None:
    spoilt.client.hset(redis_keys.PENDING_RECORDS, "x", '["1","2026-01-01T00:00:00Z","state","success"]')
    spoilt.client.hset(redis_keys.PENDING_RECORDS, "record-1", "no json")
    wait_until(lambda: spoilt.client.llen(redis_keys.AUDIT_QUARANTINE) == 2, "both are quarantined")
    assert not spoilt.client.exists(redis_keys.PENDING_RECORDS)
    good_task_fires(spoilt)
    assert beat.exit_code is None


def test_malformed_parked_message_is_quarantined_and_delays_no_other(
    spoilt: Installation, beat: BeatProcess
) -> None:
    for name, parked in {"none": [], "pairs": {"a": 1}, "good": ["elsewhere", "{}"]}.items():
        spoilt.client.hset(redis_keys.PARKED_PAYLOADS, name, msgpack.packb(parked))
    spoilt.client.execute_command("HSET", redis_keys.PARKED_PAYLOADS, b"\xff", b"\xff")  # type: ignore[no-untyped-call]  # redis-py's
    due: dict[str | bytes, float] = {"none": 1, "pairs": 2, b"\xff": 3, "good": 4}
    spoilt.client.zadd(redis_keys.PARKED, due)  # type: ignore[type-var]  # redis-py's
    wait_until(lambda: spoilt.client.llen("elsewhere") == 1, "the good one is released")
    wait_until(lambda: spoilt.client.llen(redis_keys.DEAD_LETTERS) == 3, "the others are set aside")
    assert spoilt.client.exists(redis_keys.PARKED, redis_keys.PARKED_PAYLOADS) == 0
    assert beat.exit_code is None


def test_parked_message_for_a_key_that_is_not_a_queue_waits_and_delays_no_other(
    spoilt: Installation, beat: BeatProcess
) -> None:
    spoil(spoilt, "spoilt", "string")
    for name, queue in {"waits": "spoilt", "good": "elsewhere"}.items():
        spoilt.client.hset(redis_keys.PARKED_PAYLOADS, name, msgpack.packb([queue, "{}"]))
    spoilt.client.zadd(redis_keys.PARKED, {"waits": 1, "good": 2})
    wait_until(lambda: spoilt.client.llen("elsewhere") == 1, "the good one is released")
    assert spoilt.client.zrange(redis_keys.PARKED, 0, -1) == ["waits"]
    assert beat.exit_code is None


def test_errors_apart_from_firing_stop_no_task(spoilt: Installation, beat: BeatProcess) -> None:
    spoilt.client.execute_command("HSET", redis_keys.PENDING_RECORDS, b"\xff", b"\xff")  # type: ignore[no-untyped-call]  # redis-py's
    good_task_fires(spoilt)
    good_task_fires(spoilt, "another")
    assert beat.exit_code is None


def turns(place: Installation) -> int:
    """Return how many scripts were run, of which beat runs one a turn at least."""
    stats: Any = place.client.info("commandstats")
    return int(stats["cmdstat_evalsha"]["calls"])


def read(note: Any) -> dict[str, Any]:
    return {} if note is None else dict(json.loads(note))
