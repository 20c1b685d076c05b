"""A worker that waited for a message starts its handler before the work that can wait."""

from __future__ import annotations

from itertools import groupby

from tests.processes.real_workers import WorkerHouse
from tests.stage.waiting import wait_until


def steps_after_messages(house: WorkerHouse, *, at_once: float) -> list[list[str]]:
    """Return what a worker does first and second after each of three messages that it waited for."""
    path = house.folder / "steps"
    environment = {"STEPS": str(path), "AT_ONCE": str(at_once)}
    with (
        house.worker(app="tests.processes.noting_worker", environment=environment, concurrency=2),
        house.server.client() as client,
    ):
        for _ in range(3):
            wait_until(lambda: client.info("clients")["blocked_clients"], "the worker waits")
            house.succeeds(house.run())
        wait_until(lambda: client.info("clients")["blocked_clients"], "the worker waits again")
    steps = [step for step, _ in groupby(path.read_text().split())]  # a message is written in two parts
    return [steps[at + 1 : at + 3] for at, step in enumerate(steps) if step == "taken"]


def test_awaited_message_reaches_a_child_before_the_worker_asks_for_another(house: WorkerHouse) -> None:
    assert steps_after_messages(house, at_once=0) == [["written", "waits"]] * 3


def test_message_that_came_at_once_makes_the_worker_fetch_before_it_waits(house: WorkerHouse) -> None:
    assert steps_after_messages(house, at_once=60) == [["written", "fetches"]] * 3
