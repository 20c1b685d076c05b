"""A right that is taken away while runs begin and end: a step is done as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from redis import Redis, ResponseError

from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.store import access_rules, redis_keys
from mission_control.store.access_rules import Role, acl_rule
from mission_control.store.redis_keys import DEFAULT_REDBEAT_KEYS
from tests.samples.ledger_runs import NOW, a_run, begun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.installation.installation import Installation
    from tests.stage.servers import RedisServer

COMMANDS = sorted(access_rules._COMMANDS[Role.WORKER].split())
WORKER: Final[dict[str, Any]] = {"username": "worker", "password": "pw", "decode_responses": True}
Act = Callable[[Ledger], object]


def ledger_of(client: Redis) -> Ledger:
    return Ledger(client, retention=timedelta(days=30), max_runs=1)


@pytest.fixture
def admin(installation: Installation) -> Iterator[Any]:
    admin: Any = installation.client
    rule = acl_rule(Role.WORKER, "worker", queues=[], redbeat_keys=DEFAULT_REDBEAT_KEYS, database=0)
    admin.execute_command("ACL", "SETUSER", *rule.split()[1:], ">pw")
    yield admin
    admin.acl_deluser("worker")


def a_task(ledger: Ledger, client: Redis) -> None:
    """Have a task with a run that is over, one that is next, and one that waits for that."""
    client.hset(DEFAULT_REDBEAT_KEYS.entry("a"), "task", "{}")
    for name in ("a@0", "a@1", "a@2"):
        ledger.dispatch(a_run(name, revision=1))
        if name == "a@0":
            ledger.end(begun(ledger, name), RunState.SUCCESS, at=NOW)


def running(ledger: Ledger, client: Redis) -> RunRecord:
    a_task(ledger, client)
    return begun(ledger)


def lapsed(ledger: Ledger, client: Redis) -> None:
    running(ledger, client)
    client.hset(redis_keys.run("a@1"), "lease_until", "1")


def entering(ledger: Ledger, client: Redis) -> Act:
    a_task(ledger, client)
    return lambda ledger: ledger.dispatch(a_run("a@3", revision=1, scheduled_time=NOW + timedelta(hours=1)))


def beginning(ledger: Ledger, client: Redis) -> Act:
    a_task(ledger, client)
    return begun


def beginning_again(ledger: Ledger, client: Redis) -> Act:
    lapsed(ledger, client)
    return begun


def succeeding(ledger: Ledger, client: Redis) -> Act:
    run = running(ledger, client)
    return lambda ledger: ledger.end(run, RunState.SUCCESS, at=NOW, output="done", next_due=1.0)


def retrying(ledger: Ledger, client: Redis) -> Act:
    run = running(ledger, client)
    return lambda ledger: ledger.end(run, RunState.RETRYING, at=NOW, retry_at=NOW + timedelta(hours=1))


def interrupting(ledger: Ledger, client: Redis) -> Act:
    run = running(ledger, client)
    return lambda ledger: ledger.interrupt(run, at=NOW)


@pytest.mark.parametrize(
    "of",
    [entering, beginning, beginning_again, succeeding, retrying, interrupting],
    ids=lambda of: of.__name__,
)
def test_step_without_a_right_writes_nothing_and_names_the_command(
    admin: Any, redis_server: RedisServer, of: Callable[[Ledger, Redis], Act]
) -> None:
    """Each command of the worker's rule is taken away in turn."""
    act, named = of(ledger_of(admin), admin), set()
    with Redis(port=redis_server.port) as raw, Redis(port=redis_server.port, **WORKER) as client:
        ledger, before, kept = ledger_of(client), contents(admin), dumps(raw)
        act(ledger)
        done = contents(admin)
        assert before != done
        for command in COMMANDS:
            put_back(raw, kept)
            admin.execute_command("ACL", "SETUSER", "worker", f"-{command}")
            problem = problem_of(lambda: act(ledger))
            assert problem is None or f"'{command}'" in problem
            now = contents(admin)
            others = f"{command}: {sorted(now.keys() ^ done.keys())}, {sorted(now.keys() ^ before.keys())}"
            assert now.keys() == done.keys() if problem is None else now == before, others
            if problem is not None:
                named.add(command)
            admin.execute_command("ACL", "SETUSER", "worker", f"+{command}")
    admin.acl_log_reset()
    assert {"evalsha", "hset", "time"} <= named


def problem_of(act: Callable[[], object]) -> str | None:
    try:
        act()
    except ResponseError as error:
        return str(error)
    return None


def contents(admin: Any) -> dict[str, Any]:
    """Return what Redis holds; the dumps of equal hashes differ."""
    read = {
        "hash": admin.hgetall,
        "zset": lambda key: admin.zrange(key, 0, -1, withscores=True),
        "string": admin.get,
        "list": lambda key: admin.lrange(key, 0, -1),
        "set": admin.smembers,
    }
    return {key: read[admin.type(key)](key) for key in sorted(admin.keys())}


def dumps(raw: Redis) -> dict[bytes, bytes]:
    return {key: cast("bytes", raw.dump(key)) for key in cast("list[bytes]", raw.keys())}


def put_back(raw: Redis, kept: dict[bytes, bytes]) -> None:
    with raw.pipeline() as pipe:
        pipe.flushdb()
        for key, dump in kept.items():
            pipe.restore(key, 0, dump)
        pipe.execute()
