"""Each role as a Redis user of its own, over TLS: it does its work under its rule, and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from celery import Celery
from celery.schedules import schedule
from msgspec.structs import replace
from redbeat import RedBeatSchedulerEntry

from mission_control.dispatch.enqueue import Dispatch, RunOptions
from mission_control.dispatch.run_control import CancelReply, RunControl
from mission_control.installation.installation import Installation, create_app
from mission_control.operate.audit_verification import verify_runs
from mission_control.operate.journal import last_notes
from mission_control.operate.situation import situation
from mission_control.store import redis_keys
from mission_control.store.access_rules import Role
from tests.processes.beats import BeatProcess
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.stage.audit_stream import records_of
from tests.stage.command_line import mc
from tests.stage.tls_front import TlsFront
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

PASSWORD = "of-the-administrator"
HELLO = "handlers.hello.run"


@dataclass(frozen=True)
class Guarded:
    """A server with a user for each role, behind TLS."""

    house: WorkerHouse
    admin: redis.Redis
    query: str
    port: int

    def url(self, role: Role) -> str:
        return f"rediss://{role}:pw-of-{role}@127.0.0.1:{self.port}/0?{self.query}"

    def environment(self, role: Role) -> dict[str, str]:
        return {"MISSION_CONTROL_REDIS_URL": self.url(role)}

    def installation(self, role: Role) -> Installation:
        return Installation(replace(self.house.installation.settings, redis_url=self.url(role)))

    def denied(self) -> list[Any]:
        """Return what the server has refused, as user, reason and command or key."""
        return [(one["username"], one["reason"], one["object"]) for one in self.admin.acl_log()]

    def may(self, role: Role, *command: str) -> bool:
        answer: Any = self.admin.acl_dryrun(role, *command)
        return bool(answer == "OK")


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    authority = trustme.CA()
    with worker_house(password=PASSWORD, queues=("default", "mail")) as house, house.server.client() as admin:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("MISSION_CONTROL_QUEUES", "default,mail")
            for role in Role:
                rule = mc("redis-acl", "--role", role, "--user", role).out.split()
                answer = admin.execute_command("ACL", "SETUSER", *rule[1:], f">pw-of-{role}")
                assert answer == "OK" or answer is True
        file = house.folder / "authority.pem"
        authority.cert_pem.write_to_path(str(file))
        with TlsFront(house.server.port, authority) as front:
            yield Guarded(house, admin, f"ssl_ca_certs={file}", front.port)


def test_every_role_does_its_work_under_its_rule(guarded: Guarded) -> None:
    house, producer = guarded.house, guarded.installation(Role.PRODUCER)
    with (
        house.worker(environment=guarded.environment(Role.WORKER)) as worker,
        BeatProcess(house.installation, guarded.environment(Role.BEAT)) as beat,
    ):
        use_tasks(producer)
        use_runs(producer, house)
        send_plainly(guarded)
        for name in ("tick", "theirs", "slow", "flaky"):
            wait_until(partial(records_of, producer, name), f"{name} has run", timeout=20)
        assert watch(guarded) == [worker.name]
        found = situation(
            producer.client, producer.registry, producer.ledger, producer.celery, now=producer.clock()
        )
        assert [str(one) for one in found.issues] == []
        assert last_notes(producer.client, 5)
        assert (worker.exit_code, beat.exit_code) == (None, None)
    assert verify_runs(producer.settings.task_execution_log, producer.client).is_sound
    assert guarded.denied() == []


def use_tasks(producer: Installation) -> None:
    every_second = {"type": "interval", "seconds": 1}
    after_the_last = {**every_second, "measure_from": "finish"}
    tasks = {"tick": (HELLO, every_second), "slow": (HELLO, after_the_last), "gone": (HELLO, every_second)}
    for name, (handler, times) in {**tasks, "flaky": ("handlers.flaky.run", every_second)}.items():
        retries = {"max_retries": 1, "delay_seconds": 0}
        definition = {"id": name, "handler": handler, "schedule": times, "retry_policy": retries}
        assert producer.registry.register(definition)
    registry = producer.registry
    assert registry.update("tick", {"params": {"name": "Ada"}})
    assert registry.disable("gone")
    assert registry.enable("gone")
    assert registry.unregister("gone")
    assert registry.get("tick") is not None
    RedBeatSchedulerEntry("theirs", HELLO, schedule(1), app=producer.celery).save()


def use_runs(producer: Installation, house: WorkerHouse) -> None:
    dispatch, control = Dispatch.of(producer), RunControl.of(producer)
    first = dispatch.enqueue(HELLO, {}, idempotency_key="once")
    assert dispatch.enqueue(HELLO, {}, idempotency_key="once").execution_id == first.execution_id
    later, never = (dispatch.enqueue(HELLO, {}, RunOptions(delay=timedelta(hours=1))) for _ in range(2))
    assert control.run_now(later.execution_id)
    assert control.cancel(never.execution_id, reason="no longer needed") == CancelReply.CANCELLED
    for run in (first, later):
        assert run.wait(timeout=20)["status"] == "success"
    gate = {"gate": str(house.gate("held"))}
    held = dispatch.enqueue("handlers.gated.run", gate)
    wait_until(lambda: house.runs_of("held"), "the handler has begun")
    assert control.cancel(held.execution_id, reason="no longer needed") == CancelReply.ASKED
    wait_until(lambda: held.state == "cancelled", "the handler was stopped", timeout=20)


def send_plainly(guarded: Guarded) -> None:
    plain = guarded.installation(Role.PRODUCER).celery.conf.broker_write_url
    with Celery(broker=plain, set_as_current=False) as client:
        sent = client.send_task(HELLO, kwargs={"params": {}})
    wait_until(
        lambda: any(sent.id in json.dumps(one) for one in records_of(guarded.house.installation, HELLO)),
        "the plain client's message has run",
        timeout=20,
    )


def watch(guarded: Guarded) -> list[str]:
    """Read what Flower reads; return the names of the workers."""
    app = create_app("flower", lambda: guarded.installation(Role.FLOWER))
    seen: list[Any] = []
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": seen.append})
        receiver.capture(limit=1, timeout=20, wakeup=True)
    assert seen
    found = app.control.inspect(timeout=5, limit=1).stats()
    return [*found]


@pytest.mark.parametrize(
    ("role", "command"),
    [
        (Role.PRODUCER, ("brpop", "default", "1")),
        (Role.PRODUCER, ("set", redis_keys.BEAT_LEADER, "me")),
        (Role.PRODUCER, ("set", redis_keys.process("worker", "me"), "{}")),
        (Role.PRODUCER, ("hdel", "unacked", "tag")),
        (Role.PRODUCER, ("publish", "/0.celery.pidbox", "{}")),
        (Role.WEB, ("hdel", "unacked", "tag")),
        (Role.BEAT, ("publish", "/0.celery.pidbox", "{}")),
        (Role.BEAT, ("set", "a key of another program", "1")),
        (Role.WORKER, ("set", redis_keys.BEAT_LEADER, "me")),
        (Role.WORKER, ("sadd", redis_keys.TASKS, "mine")),
        (Role.FLOWER, ("hgetall", redis_keys.run("tick@1"))),
        (Role.FLOWER, ("hgetall", "redbeat:tick")),
        (Role.FLOWER, ("lpush", "default", "{}")),
        *((role, ("config", "get", "requirepass")) for role in Role),
        *((role, ("flushdb",)) for role in Role),
        *((role, ("keys", "*")) for role in Role),
        *((role, ("acl", "list")) for role in Role),
        *((role, ("get", "default-of-another-program")) for role in Role),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_role_may_not_do_the_work_of_another(guarded: Guarded, role: Role, command: tuple[str, ...]) -> None:
    assert not guarded.may(role, *command)
