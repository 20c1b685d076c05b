"""Two workers, two beats and a Redis that are struck again and again, and restarted."""

from __future__ import annotations

import json
import signal
from collections import Counter
from contextlib import ExitStack, suppress
from threading import Event
from typing import TYPE_CHECKING, Self

import psutil

from mission_control.configuration.clock import utc_now
from mission_control.messaging.transport.unacked import mark_redelivered
from mission_control.model.values.instants import parse_instant
from mission_control.store import redis_keys
from tests.processes.beats import BeatProcess
from tests.processes.real_workers import WorkerProcess
from tests.processes.rude_workers import children, lives
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    import random
    from types import TracebackType

    from tests.chaos.chaos_work import Workload
    from tests.processes.real_workers import WorkerHouse

LEADER_SECONDS = 1
POOLS = {"one": "prefork", "two": "threads"}
KILLS = {"worker": 2, "parent": 2, "child": 4, "beat": 4}
"""What is killed, and how often (a ratio): a worker with its pool, its parent process alone, …"""

CRASH, RESTART = "crash of Redis", "restart of Redis"
PAUSE, DOUBLE, LOSE = "paused beat", "doubled messages", "lost messages"
QUEUE = "default"
READY_SECONDS = 120.0
LOST_A_CHILD_AS_IT_STARTED = "Could not start worker processes"
"""Why Celery ends a worker one of whose children is killed before its loop begins."""


def blows(kills: int, draw: random.Random) -> list[str]:
    """Return what is struck, in that order: so many kills, three restarts of Redis, and some other faults."""
    found = draw.choices(list(KILLS), list(KILLS.values()), k=kills)
    for at, what in enumerate((CRASH, RESTART, CRASH), start=1):
        found.insert(len(found) * at // 4, what)
    for what in [PAUSE, LOSE, *[DOUBLE] * 4] * (1 + kills // 40):
        found.insert(draw.randrange(len(found)), what)
    return found


def log_of_parent(log: str) -> str:
    """Return what the parent process of a pool logged about connections, children and lost attempts."""
    lines = [one for one in log.splitlines() if "/MainProcess]" in one and "] Task handlers" not in one]
    return "\n".join([*lines, log[-2_000:]])[-8_000:]


class ChaosWorker(WorkerProcess):
    """A worker that may have been started before under the same name."""

    def __init__(self, house: WorkerHouse, name: str) -> None:
        self.nickname = name
        self.pool = POOLS[name]
        self._began = utc_now()
        super().__init__(house.installation, name, pool=self.pool, concurrency=2)

    @property
    def has_given_up(self) -> bool:
        """Whether it has ended for its supervisor to start it again."""
        return self.exit_code is not None and LOST_A_CHILD_AS_IT_STARTED in self.log[-4_000:]

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        sign = self._installation.client.get(redis_keys.process("worker", self.name))
        return sign is not None and parse_instant(json.loads(str(sign))["since"]) >= self._began

    def pause_parent(self) -> list[psutil.Process]:
        """Stop the parent process of the pool for good, and return its children."""
        self._process.send_signal(signal.SIGSTOP)
        return children(self)

    def kill_parent(self) -> None:
        """Kill the parent process of the pool, and none of its children."""
        self._process.kill()
        self._process.wait(timeout=60)

    def ask_to_stop(self) -> None:
        """Let the worker end what it is doing, and itself then."""
        self._process.terminate()

    def wait(self) -> int:
        """Return the exit code of a worker that was asked to stop."""
        return self._process.wait(timeout=60)


class ChaosFleet:
    """What runs the tasks of a house; whatever is struck is restarted at once, as by a supervisor.

    `struck` counts the blows, `killed` are the processes that they ended.
    """

    def __init__(self, house: WorkerHouse, work: Workload, draw: random.Random) -> None:
        self.struck: Counter[str] = Counter()
        self.killed: set[int] = set()
        self._house = house
        self._work = work
        self._draw = draw
        self._orphans: list[psutil.Process] = []
        self._workers = {name: ChaosWorker(house, name) for name in POOLS}
        self._beats = [BeatProcess(house.installation) for _ in range(2)]

    def wait_until_ready(self) -> None:
        wait_until(
            lambda: len(self._ready_workers()) == len(POOLS), "the workers are ready", timeout=READY_SECONDS
        )
        wait_until(
            lambda: len(self._ready_beats()) == len(self._beats), "the beats are ready", timeout=READY_SECONDS
        )

    def strike(self, what: str, *, within_seconds: float) -> None:
        """Strike one of those that do their work by now, at some instant within that time."""
        self.struck[what] += 1
        worker = self._one_worker("prefork" if what == "child" else None)
        beat = self._one_beat()
        Event().wait(self._draw.uniform(0.0, within_seconds))
        match what:
            case "worker" | "parent":
                self._kill_worker(worker, only_parent=what == "parent")
            case "child":
                self._kill_child(worker)
            case "beat":
                self._kill_beat(beat)
            case "paused beat":
                self._pause_beat(beat)
            case "doubled messages":
                self._double_messages()
            case "lost messages":
                self._house.installation.client.delete(QUEUE)
            case _:
                self._restart_redis(has_crashed=what == CRASH)

    def look_after(self) -> None:
        """Restart workers that ended for that; none may end otherwise unless struck."""
        for worker in tuple(self._workers.values()):
            if worker.has_given_up:
                self._start_again(worker)
            else:
                assert worker.exit_code is None, f"a worker ended by itself:\n{worker.log[-4_000:]}"
        assert [one.log for one in self._beats if one.exit_code is not None] == [], "a beat ended by itself"

    def finish(self) -> None:
        """End everything in good order, once all of it is up: a process that is starting just ends."""
        self.wait_until_ready()
        for worker in self._workers.values():
            worker.ask_to_stop()
        ended = [(one.name, one.wait(), one.log) for one in self._workers.values()]
        ended += [(one.name, one.stop(), one.log) for one in self._beats]
        wrong = [f"{name} ended with {code}:\n{log[-4_000:]}" for name, code, log in ended if code != 0]
        assert not wrong, "\n".join(wrong)
        left = "those whose parents were killed have ended"
        wait_until(lambda: not any(lives(one) for one in self._orphans), left)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as ends:
            for worker in self._workers.values():
                ends.push(worker.__exit__)
            for beat in self._beats:
                ends.push(beat.__exit__)
            for orphan in self._orphans:
                with suppress(psutil.Error):
                    orphan.kill()
            if error is not None:
                for worker in self._workers.values():
                    error.add_note(f"the log of {worker.name}:\n{log_of_parent(worker.log)}")

    def _kill_worker(self, worker: ChaosWorker, *, only_parent: bool) -> None:
        family = worker.pause_parent()  # it starts no further children now
        self.killed |= {worker.pid, *(one.pid for one in family)}
        if only_parent:
            worker.kill_parent()
            self._orphans += family
        else:
            worker.kill()
        self._start_again(worker)

    def _start_again(self, worker: ChaosWorker) -> None:
        self._workers[worker.nickname] = ChaosWorker(self._house, worker.nickname)

    def _kill_child(self, worker: ChaosWorker) -> None:
        def family() -> list[psutil.Process]:
            return [one for one in children(worker) if lives(one)]

        # Every other one is killed at any instant.
        victim = self._work.caught(family) if self.struck["child"] % 2 == 1 else None
        if victim is None:
            victim = self._draw.choice(wait_until(family, "the pool has a child"))
        self.killed.add(victim.pid)
        with suppress(psutil.NoSuchProcess):  # it has ended by itself since
            victim.kill()

    def _kill_beat(self, beat: BeatProcess) -> None:
        beat.kill()
        beat.__exit__(None, None, None)
        self._beats[self._beats.index(beat)] = BeatProcess(self._house.installation)

    def _pause_beat(self, beat: BeatProcess) -> None:
        beat.signal(signal.SIGSTOP)
        Event().wait(LEADER_SECONDS * 1.5)
        beat.signal(signal.SIGCONT)

    def _double_messages(self) -> None:
        """Put a copy of each message that a worker has in hand on the queue, marked as delivered before."""
        client = self._house.installation.client
        for stored in client.hvals("unacked"):
            message = json.loads(str(stored))[0]
            mark_redelivered(message)
            client.rpush(QUEUE, json.dumps(message))

    def _restart_redis(self, *, has_crashed: bool) -> None:
        server = self._house.server
        (server.kill if has_crashed else server.stop)()
        Event().wait(self._draw.uniform(0.0, 0.5))
        server.restart()
        self._house.installation.client.connection_pool.disconnect(inuse_connections=False)

    def _one_worker(self, pool: str | None) -> ChaosWorker:
        found = wait_until(lambda: self._ready_workers(pool), "a worker is ready", timeout=READY_SECONDS)
        return self._draw.choice(found)

    def _one_beat(self) -> BeatProcess:
        found = wait_until(self._ready_beats, "a beat is ready", timeout=READY_SECONDS)
        return self._draw.choice(found)

    def _ready_workers(self, pool: str | None = None) -> list[ChaosWorker]:
        self.look_after()
        return [one for one in self._workers.values() if one.is_ready and pool in (None, one.pool)]

    def _ready_beats(self) -> list[BeatProcess]:
        self.look_after()
        return [one for one in self._beats if one.leads or one.stands_by]
