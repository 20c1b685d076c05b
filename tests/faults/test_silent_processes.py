"""Beats and workers that stop responding: the others report it once, and so does the monitor elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mission_control.configuration.settings import Secret
from mission_control.model.policies.deadlines import late
from mission_control.notifications.alarms import open_alarms
from tests.processes.beats import leading_beat
from tests.processes.real_workers import worker_house
from tests.stage.local_http import LocalHttpServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from tests.processes.real_workers import WorkerHouse

TOKEN = "5d41402abc4b2a76"


class Monitor(LocalHttpServer):
    """A monitor that takes pings, and the channel `default`."""

    def pings(self) -> list[str]:
        """Return the pings in their order, those that repeat the one before left out."""
        found = [
            one.path.removeprefix(f"/{TOKEN}") for one in self.requests if one.path.startswith(f"/{TOKEN}")
        ]
        return [ping or "ok" for at, ping in enumerate(found) if at == 0 or ping != found[at - 1]]

    def titles(self) -> list[str]:
        """Return the titles of the messages in their order."""
        return [one.json["title"] for one in self.requests if one.path.startswith("/channel")]


def alarm(house: WorkerHouse, name: str, *, is_open: bool = True) -> None:
    what = f"the alarm {name} is {'open' if is_open else 'over'}"
    wait_until(lambda: (name in open_alarms(house.installation.client)) is is_open, what, timeout=90)


def reports(monitor: Monitor, titles: list[str]) -> None:
    wait_until(lambda: monitor.titles() == titles, lambda: f"these are reported: {titles}", timeout=90)


def test_silent_workers_and_then_a_silent_beat_are_reported_once_and_so_is_their_return() -> None:
    with Monitor() as monitor, worker_house(
        heartbeat_url=Secret(f"{monitor.url}/{TOKEN}"),
        outbound_allow=("127.0.0.1",),
        notify=(("default", Secret(f"json://{monitor.address}/channel")),),
        leader_seconds=1,
    ) as house:  # fmt: skip
        register = house.installation.registry.register
        by_hand = {"schedule": None, "handler": "handlers.hello.run"}
        assert register({"id": "tea", **by_hand, "deadline": {"start_within": "1s"}})
        tea = house.run("tea")
        with leading_beat(house.installation) as beat:
            alarm(house, "queue:default")
            wait_until(lambda: "/fail" in monitor.pings(), "the monitor has heard of it", timeout=90)
            wait_until(lambda: tea.record is not None and late(tea.record), "it is late")
            assert beat.log.count("event=run_late") == 1
            with house.worker():
                house.succeeds(tea, timeout=60)
                alarm(house, "queue:default", is_open=False)
                queue = "no worker serves the queue default"
                reports(monitor, [queue, f"over: {queue}"])
                beat.kill()
                assert TOKEN not in beat.log
                past = datetime.now(UTC) - timedelta(minutes=2)
                once = {"type": "once", "at": past.isoformat()}
                assert register({"id": "cake", **by_hand, "schedule": once}, catch_up=True)
                alarm(house, "beat")
                reports(monitor, [queue, f"over: {queue}", "beat is silent"])
                with leading_beat(house.installation) as successor:
                    alarm(house, "beat", is_open=False)
                    reports(monitor, [queue, f"over: {queue}", "beat is silent", "over: beat is silent"])
                    wait_until(lambda: monitor.pings()[-1] == "ok", "the monitor hears that all is well")
                    assert "run_late" not in successor.log
        assert "/fail" in monitor.pings()
