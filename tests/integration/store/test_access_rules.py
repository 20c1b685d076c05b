"""Each role as a Redis user of its own, over TLS: it does its work under its rule, and nothing else."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from celery import Celery
from celery.schedules import schedule
from msgspec.structs import replace
from redbeat import RedBeatSchedulerEntry

from mission_control.dispatch.enqueue import Dispatch, RunOptions
from mission_control.dispatch.run_control import CancelReply, RunControl
from mission_control.installation.installation import Installation
from mission_control.store import redis_keys
from mission_control.store.access_rules import Role
from tests.processes.beats import BeatProcess
from tests.processes.flower import answer, flower
from tests.processes.real_workers import WorkerHouse, WorkerProcess, worker_house
from tests.stage.audit_stream import records_of
from tests.stage.command_line import mc
from tests.stage.redis_users import denied, password_of
from tests.stage.tls_front import TlsFront
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    import redis

HELLO = "handlers.hello.run"
QUEUES = ("default", "mail")


@dataclass(frozen=True)
class Guarded:
    """A server with a user for each role, behind TLS; beat, a worker and Flower are logged in as theirs."""

    house: WorkerHouse
    admin: redis.Redis
    beat: BeatProcess
    worker: WorkerProcess
    monitor: httpx.Client
    producer: Installation


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    authority = trustme.CA()
    with ExitStack() as ends:
        house = ends.enter_context(worker_house(password="of-the-operator", queues=QUEUES))
        admin = ends.enter_context(house.server.client())
        file = house.folder / "authority.pem"
        authority.cert_pem.write_to_path(str(file))
        front = ends.enter_context(TlsFront(house.server.port, authority))

        def url(role: Role) -> str:
            login = f"{role}:{password_of(role)}"
            return f"rediss://{login}@127.0.0.1:{front.port}/0?ssl_cert_reqs=required&ssl_ca_certs={file}"

        def environment(role: Role) -> dict[str, str]:
            return {"MISSION_CONTROL_REDIS_URL": url(role)}

        settings = replace(house.installation.settings, redis_url=url(Role.PRODUCER))
        beat = ends.enter_context(BeatProcess(house.installation, environment(Role.BEAT)))
        worker = ends.enter_context(house.worker(environment=environment(Role.WORKER)))
        # Celery's application without ours: it knows the broker's URL only.
        stock = f"--broker={url(Role.FLOWER)}"
        monitor = ends.enter_context(flower(stock, folder=house.folder, environment={}))
        beat.wait_until_it_leads()
        environ = ends.enter_context(pytest.MonkeyPatch.context())
        for name, value in settings.environment().items():
            environ.setenv(name, value)
        producer = Installation(settings)
        use_tasks(producer)
        yield Guarded(house, admin, beat, worker, monitor, producer)


def test_every_role_does_its_work_under_its_rule(guarded: Guarded) -> None:
    use_runs(guarded.producer, guarded.house)
    plain = send_plainly()
    for name in ("tick", "theirs", "slow", "flaky", plain):
        has_run(guarded, name)
    wait_until(lambda: guarded.producer.pauses.read().layers, "a worker has opened a breaker")
    flower_shows(guarded, guarded.worker.name)
    use_the_command_line()
    assert (guarded.worker.exit_code, guarded.beat.exit_code) == (None, None)
    assert denied(guarded.house.server) == []


def has_run(guarded: Guarded, name: str) -> None:
    wait_until(lambda: records_of(guarded.producer, name), f"{name} has run", timeout=20)


def use_tasks(producer: Installation) -> None:
    registry, every_second = producer.registry, {"type": "interval", "seconds": 1}
    after_the_last = {**every_second, "measure_from": "finish"}
    tasks = {"tick": (HELLO, every_second), "slow": (HELLO, after_the_last), "gone": (HELLO, every_second)}
    flaky = ("handlers.flaky.run", every_second)
    for name, (handler, times) in {**tasks, "flaky": flaky, "frail": flaky}.items():
        retries = {"max_retries": int(name != "frail"), "retry_delay_seconds": 0}
        definition = {"id": name, "handler": handler, "schedule": times, "retry_policy": retries}
        assert registry.register({**definition, "pause_after_failures": 1})
    assert registry.update("tick", {"params": {"name": "Ada"}})
    assert registry.disable("gone")
    assert registry.enable("gone")
    assert registry.unregister("gone")
    RedBeatSchedulerEntry("theirs", HELLO, schedule(1), app=producer.celery).save()


def use_runs(producer: Installation, house: WorkerHouse) -> None:
    dispatch, control = Dispatch.of(producer), RunControl.of(producer)
    first = dispatch.enqueue(HELLO, {}, idempotency_key="once")
    assert dispatch.enqueue(HELLO, {}, idempotency_key="once").execution_id == first.execution_id
    later, never = (dispatch.enqueue(HELLO, {}, RunOptions(delay=timedelta(hours=1))) for _ in range(2))
    assert control.run_now(later.execution_id)
    assert control.cancel(never.execution_id, reason="no longer needed") == CancelReply.CANCELLED
    mailed = dispatch.enqueue(HELLO, {}, RunOptions(queue="mail", priority=9, delay=timedelta(seconds=1)))
    for run in (first, later, mailed):
        assert run.wait(timeout=60)["status"] == "success"
    held = dispatch.enqueue("handlers.gated.run", {"gate": str(house.gate("held"))})
    wait_until(lambda: house.runs_of("held"), "the handler has begun")
    assert control.cancel(held.execution_id, reason="no longer needed") == CancelReply.ASKED
    wait_until(lambda: held.state == "cancelled", "the handler was stopped", timeout=20)


def send_plainly() -> str:
    """Send a message as a program does that has Celery and the broker's URL; return what it names."""
    with Celery(broker=mc("url", "--password").out.strip(), set_as_current=False) as client:
        client.send_task("handlers.flaky.run", kwargs={"params": {}})
    return "handlers.flaky.run"


def flower_shows(guarded: Guarded, worker: str) -> None:
    def seen(path: str) -> Any:
        return answer(guarded.monitor, path) or {}

    wait_until(lambda: "stats" in seen("/api/workers?refresh=1").get(worker, {}), "it sees the worker")
    run = Dispatch.of(guarded.producer).enqueue(HELLO, {})
    path = f"/api/task/info/{run.execution_id}"
    wait_until(lambda: seen(path).get("state") == "SUCCESS", "it sees the run")


def use_the_command_line() -> None:
    run = mc("enqueue", HELLO, "--wait", "--json")
    run_id = run.json["execution_id"]
    lines = (
        *("status", "status --journal", "status --quarantine", "handler list", "next tick", "tasks export -"),
        *("task list", "task show tick", "task history tick", "task revisions tick", "run list"),
        *(f"run show {run_id}", f"run logs {run_id}", f"run retry {run_id}"),
        *("pause tick slow", "pause --list", "status", "resume slow", "resume tick --catch-up"),
        *(f"grant create agent --handlers {HELLO}", "grant list", "approvals list", "grant revoke agent"),
        *("audit tail", "audit query --task tick", "audit verify", "audit repair"),
    )
    answers = {line: mc(*line.split()) for line in lines}
    assert {line: one.err for line, one in answers.items() if one.code} == {}


@pytest.mark.parametrize(
    ("role", "command", "text"),
    [
        (Role.WORKER, "brpop", "connection... (Redis does not permit this user the command brpop: grant"),
        (Role.WORKER, "rpop", "(Redis does not permit this user the command rpop: grant it"),
        (Role.WORKER, "hdel", "does not permit this user the command hdel: grant it"),
        (Role.BEAT, "zmscore", "does not permit this user the command zmscore: grant it"),
    ],
)
def test_lost_right_is_named_in_the_log_and_work_goes_on_once_it_is_granted(
    guarded: Guarded, role: Role, command: str, text: str
) -> None:
    process = guarded.worker if role is Role.WORKER else guarded.beat
    admin: Any = guarded.admin
    admin.acl_setuser(role, enabled=True, commands=[f"-{command}"])
    run = Dispatch.of(guarded.producer).enqueue(HELLO, {})
    try:
        wait_until(lambda: text in process.log, "the log names the command", timeout=60)
    finally:
        admin.acl_setuser(role, enabled=True, commands=[f"+{command}"])
    assert run.wait(timeout=60)["status"] == "success"
    before = len(records_of(guarded.producer, "tick"))
    wait_until(lambda: len(records_of(guarded.producer, "tick")) > before, "the task fires again", timeout=60)
    assert process.exit_code is None
    admin.acl_log_reset()


def test_right_that_a_producer_lacks_is_named_by_the_command_line(guarded: Guarded) -> None:
    admin: Any = guarded.admin
    admin.acl_setuser(Role.PRODUCER, enabled=True, commands=["-zadd"])
    try:
        answer = mc("enqueue", HELLO)
    finally:
        admin.acl_setuser(Role.PRODUCER, enabled=True, commands=["+zadd"])
    assert answer.code == 5, answer
    assert "does not permit this user the command zadd: grant it with ACL SETUSER" in answer.err
    assert "pw-of-producer" not in answer.err
    admin.acl_log_reset()


@pytest.mark.parametrize("role", list(Role))
def test_command_prints_the_rule_that_the_users_of_the_tests_have(guarded: Guarded, role: Role) -> None:
    answer = mc("redis-acl", "--role", role.value, "--json")
    words = answer.json["rule"].split()
    assert words[:2] == ["user", f"mission-control-{role}"]
    assert mc("redis-acl", "--role", role.value).out.split() == words
    admin: Any = guarded.admin
    admin.execute_command("ACL", "SETUSER", *words[1:])
    of_the_tests, printed = (
        {part: sorted(values) if part == "commands" else values for part, values in user.items()}
        for user in (admin.acl_getuser(role), admin.acl_getuser(words[1]))
    )
    assert {**of_the_tests, "passwords": []} == printed


@pytest.mark.parametrize(
    ("role", "command"),
    [
        (Role.PRODUCER, ("brpop", "default", "1")),
        (Role.PRODUCER, ("rpop", "default")),
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
        *((role, ("client", "kill", "id", "1")) for role in Role),
        *((role, ("client", "list")) for role in Role),
        *((role, ("flushdb",)) for role in Role),
        *((role, ("keys", "*")) for role in Role),
        *((role, ("acl", "list")) for role in Role),
        *((role, ("get", "default-of-another-program")) for role in Role),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_role_may_not_do_the_work_of_another(guarded: Guarded, role: Role, command: tuple[str, ...]) -> None:
    answer: Any = guarded.admin.acl_dryrun(role, *command)
    assert answer != "OK"
