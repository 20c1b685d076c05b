"""Whatever is done to Redis, or to Redis and files, after an account was written, its verifier finds it.

This file has more than 250 lines because all attacks on Redis stand in one place.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from redis import Redis

from mission_control.audit.stream.chain import GENESIS, Anchor, line_digest
from mission_control.audit.verification.findings import Kind
from mission_control.model.runs.run_state import RunState
from mission_control.operate.account.account_file import read_account, sealed, write_account
from mission_control.operate.account.gathering import counted, with_ledger
from mission_control.operate.account.ledger_check import LedgerCheck
from mission_control.operate.account.verification import verify_account
from mission_control.store import redis_keys
from tests.processes.minutely import MINUTE, NINE, A, Day

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mission_control.operate.account.account import Account
    from tests.stage.servers import RedisServer

Dump = dict[bytes, tuple[bytes, int]]
SPAN: Final = NINE, NINE + 8 * MINUTE


@dataclass
class House:
    """An accounted stretch of a day; `earlier` is Redis as it was in the midst of it, `whole` at its end."""

    day: Day
    file: Path
    account: Account
    raw: Any
    earlier: Dump
    whole: Dump

    @property
    def streams(self) -> dict[str, Path]:
        return {"runs": self.day.ours.audit.path, "changes": self.day.ours.changes.path}

    def faults(self) -> list[str]:
        account, fault = read_account(self.file, None)
        found, reckoning = verify_account(self.file, account, fault, self.streams)
        ours = self.day.ours
        if reckoning is not None:
            check = LedgerCheck(account, reckoning, ours.client, ours.registry, self.day.now)
            found["redis"] = check.verify(self.streams)
        return [f"{name}: {one}" for name, some in found.items() for one in some.findings if not one.is_note]


def dump(raw: Any) -> Dump:
    return {key: (raw.dump(key), max(0, raw.pttl(key))) for key in raw.scan_iter(count=1_000)}


def restore(raw: Any, dumped: Dump) -> None:
    raw.flushall()
    for key, (value, ttl) in dumped.items():
        raw.restore(key, ttl, value)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> House:
    folder = tmp_path_factory.mktemp("house")
    raw: Any = Redis.from_url(redis_server.url)
    raw.flushall()
    day = Day(redis_server.url, folder)
    day.register("b", schedule={"type": "interval", "minutes": 2})
    day.pause(A, reason="works")
    day.to(3)
    earlier = dump(raw)
    day.to(6)
    day.resume(A)
    day.to(8)
    day.now = NINE + 10 * MINUTE
    ours = day.ours
    ours.audit.flush()
    ours.changes.flush()
    ours.client.delete(redis_keys.KNOWN_SINCE)  # its marks are of the real time
    account, reckoning = counted(ours.audit.path, ours.changes.path, SPAN, day.now)
    account, file = with_ledger(account, reckoning, ours.client), folder / "account.json"
    write_account(file, sealed(account, None))
    shutil.copytree(folder / "logs", folder / "kept")
    earlier.pop(redis_keys.KNOWN_SINCE.encode(), None)
    return House(day, file, account, raw, earlier, dump(raw))


@pytest.fixture
def house(built: House) -> House:
    """The same, with Redis and the files as they were when the account was written."""
    restore(built.raw, built.whole)
    shutil.copytree(built.file.parent / "kept", built.file.parent / "logs", dirs_exist_ok=True)
    return built


def test_account_of_a_beats_work_is_balanced_and_untouched_redis_agrees(house: House) -> None:
    balance = house.account.balance
    assert balance.words().partition("Z: ")[2] == (
        "expected 10 = done 0 + explained 10 (4 dispatched, 6 skipped (paused)), unexplained 0"
    )
    assert house.account.is_balanced
    assert house.faults() == []


def skipped(house: House) -> list[str]:
    return sorted(
        run.execution_id for run in house.day.ours.ledger.runs_of("a", limit=100) if run.state.is_final
    )


def remove_run(house: House, name: str) -> None:
    house.raw.delete(redis_keys.run(name))
    house.raw.zrem(redis_keys.FINISHED_RUNS, name)


def remove_its_hash(house: House, name: str) -> None:
    house.raw.delete(redis_keys.run(name))


def alter_its_state(house: House, name: str) -> None:
    house.raw.hset(redis_keys.run(name), "state", RunState.SUCCESS)


def alter_its_state_out_of_sight(house: House, name: str) -> None:
    alter_its_state(house, name)
    house.raw.zrem(redis_keys.FINISHED_RUNS, name)


def let_it_run_again(house: House, name: str) -> None:
    house.raw.hset(redis_keys.run(name), "state", RunState.RUNNING)


def add_run_of_the_next_second(house: House, name: str) -> None:
    other = name.replace("00Z", "01Z")
    fields = house.raw.hgetall(redis_keys.run(name))
    house.raw.hset(redis_keys.run(other), mapping=fields)
    house.raw.zadd(redis_keys.FINISHED_RUNS, {other: NINE.timestamp()})


def add_manual_run(house: House, name: str) -> None:
    house.raw.hset(redis_keys.run("a@manual-01JAB"), mapping=house.raw.hgetall(redis_keys.run(name)))


def truncate_runs(house: House, name: str) -> None:
    for one in skipped(house):
        if one <= name:
            remove_run(house, one)


RUN_ATTACKS = [
    *(remove_run, remove_its_hash, alter_its_state, alter_its_state_out_of_sight, let_it_run_again),
    *(add_run_of_the_next_second, add_manual_run, truncate_runs),
]


@pytest.mark.parametrize("place", [0, 2, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("attack", RUN_ATTACKS, ids=lambda one: one.__name__)
def test_attack_on_a_run_in_redis_is_found(
    house: House, attack: Callable[[House, str], None], place: int
) -> None:
    attack(house, skipped(house)[place])
    found = house.faults()
    assert found != []
    assert all(one.startswith("redis: ") for one in found), found


def edit_task(house: House, **fields: Any) -> None:
    entry = house.day.ours.redbeat_keys.entry("a")
    task = json.loads(house.raw.hget(entry, "task"))
    house.raw.hset(entry, "task", json.dumps({**task, **fields}))


def remove_task(house: House) -> None:
    entry = house.day.ours.redbeat_keys.entry("b")
    house.raw.delete(entry)
    house.raw.srem(redis_keys.TASKS, "b")


def add_task(house: House) -> None:
    keys = house.day.ours.redbeat_keys
    fields = house.raw.hgetall(keys.entry("b"))
    fields[b"task"] = fields[b"task"].replace(b'"id":"b"', b'"id":"c"')
    house.raw.hset(keys.entry("c"), mapping=fields)
    house.raw.sadd(redis_keys.TASKS, "c")


TASK_ATTACKS: dict[str, Callable[[House], object]] = {
    "another schedule": lambda house: edit_task(house, schedule={"type": "interval", "hours": 1}),
    "disabled": lambda house: edit_task(house, enabled=False),
    "removed": remove_task,
    "added": add_task,
    "anchors removed": lambda house: house.raw.delete(redis_keys.AUDIT_ANCHORS),
    "rolled back": lambda house: restore(house.raw, house.earlier),
    "emptied": lambda house: house.raw.flushall(),
}


@pytest.mark.parametrize("attack", TASK_ATTACKS.values(), ids=TASK_ATTACKS)
def test_attack_on_tasks_or_on_all_of_redis_is_found(house: House, attack: Callable[[House], object]) -> None:
    attack(house)
    found = house.faults()
    assert found != []
    assert all(one.startswith("redis: ") for one in found), found


@pytest.mark.parametrize("attack", [*RUN_ATTACKS[:-1:2], *list(TASK_ATTACKS.values())[:4]])
def test_files_that_a_checkpoint_proves_are_enough_to_find_an_attack_on_redis(
    house: House, attack: Callable[..., object], tmp_path: Path
) -> None:
    attack(*(house, skipped(house)[2])[: 2 if attack in RUN_ATTACKS else 1])
    ours = house.day.ours
    taken, _ = counted(ours.audit.path, ours.changes.path, SPAN, house.day.now)
    write_account(tmp_path / "account.json", sealed(taken, None))
    found = replace(house, file=tmp_path / "account.json").faults()
    assert found != []
    assert all(one.startswith("redis: ") for one in found), found


def forge(house: House, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Rewrite the stream of runs with every chain made whole again, and its anchors in Redis with it."""
    path = house.day.ours.audit.path
    heads: dict[str, tuple[int, str]] = {}
    lines = []
    for record in change([json.loads(line) for line in path.read_bytes().splitlines()]):
        seq, prev = heads.get(record["writer"], (0, GENESIS))
        line = json.dumps({**record, "seq": seq + 1, "prev": prev}, separators=(",", ":")).encode()
        heads[record["writer"]] = seq + 1, line_digest(line)
        lines.append(line + b"\n")
    path.write_bytes(b"".join(lines))
    for writer, (seq, digest) in heads.items():
        house.raw.hset(
            redis_keys.AUDIT_ANCHORS, writer, Anchor(seq, digest, 0, 1, str(path.resolve())).to_text()
        )


def altered_everywhere(house: House, at: int) -> None:
    name = skipped(house)[at]
    alter_its_state(house, name)
    forge(
        house,
        lambda records: [
            {**one, "status": "success"} if one["execution_id"] == name else one for one in records
        ],
    )


def removed_everywhere(house: House, at: int) -> None:
    name = skipped(house)[at]
    remove_run(house, name)
    forge(house, lambda records: [one for one in records if one["execution_id"] != name])


def added_everywhere(house: House, at: int) -> None:
    name = skipped(house)[at]
    add_run_of_the_next_second(house, name)
    other = name.replace("00Z", "01Z")
    forge(
        house,
        lambda records: [
            made
            for one in records
            for made in ([one, {**one, "execution_id": other}] if one["execution_id"] == name else [one])
        ],
    )


def cut_everywhere(house: House, at: int) -> None:
    name = skipped(house)[at]
    for one in skipped(house):
        if one >= name:
            remove_run(house, one)
    forge(house, lambda records: [one for one in records if one["execution_id"] < name])


def rolled_back_everywhere(house: House, at: int) -> None:
    restore(house.raw, house.earlier)
    forge(house, lambda records: records[: at % 5 + 1])


@pytest.mark.parametrize("place", [0, 2, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize(
    "attack",
    [altered_everywhere, removed_everywhere, added_everywhere, cut_everywhere, rolled_back_everywhere],
    ids=lambda one: one.__name__,
)
def test_forgery_of_redis_and_files_together_is_found(
    house: House, attack: Callable[[House, int], None], place: int
) -> None:
    attack(house, place)
    assert any(not one.startswith("redis: ") for one in house.faults())


def test_run_that_redis_has_forgotten_by_retention_is_no_fault(house: House) -> None:
    remove_run(house, skipped(house)[0])
    marks = {"writers": "0", "runs": str((NINE + 5 * MINUTE).timestamp())}
    house.raw.hset(redis_keys.KNOWN_SINCE, mapping=marks)
    assert house.faults() == []
    assert Kind.MISSING not in house.faults()


def test_run_that_another_host_recorded_is_no_fault(house: House) -> None:
    name = skipped(house)[0]
    add_run_of_the_next_second(house, name)
    house.raw.hset(redis_keys.run(name.replace("00Z", "01Z")), "recorded_by", "web2-7-00")
    assert house.faults() == []
