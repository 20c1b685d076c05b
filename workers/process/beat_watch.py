"""The watch of the workers over beat: one of them reports that no beat fires what is due."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from celery import Celery, bootsteps
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from mission_control.dispatch.run_ending import RunEnding
from mission_control.errors import MissionControlError
from mission_control.registry.registry import Registry
from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys

LOOK_EVERY_SECONDS: Final = 10
LEAST_SILENCE: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class BeatWatch:
    """Looks whether a beat leads, and if none does, whether an occurrence is overdue.

    A look costs one command while a beat leads; else one worker of all looks further. The lead is renewed by
    every turn of beat, so it shows a beat that is dead, hangs or is cut off.
    """

    client: Redis
    registry: Callable[[], Registry]
    keys: RedBeatKeys
    ending: RunEnding
    silence: timedelta
    queue: str

    def look(self, app: Celery) -> None:
        """Look once; report what is wrong."""
        if self.client.exists(redis_keys.BEAT_LEADER):
            return
        if not self.client.set(redis_keys.BEAT_WATCHER, "1", nx=True, ex=LOOK_EVERY_SECONDS - 1):
            return
        # Few workers ever need these.
        from mission_control.notifications.alarms import BEAT, Alarms
        from mission_control.notifications.notifier import send_messages
        from mission_control.operate.overdue import overdue

        clock, ledger = self.ending.clock, self.ending.ledger
        found = overdue(self.client, self.registry(), self.keys, clock(), after=self.silence)
        if found:
            text = f"no beat leads, so nothing fires; {found[0]} is overdue"
            alarms = Alarms(self.client, clock, self.ending.has_default_channel)
            alarms.begin(BEAT, text, unless=redis_keys.BEAT_LEADER)
        send_messages(self.client, ledger, app, clock, self.queue)


class BeatWatchStep(bootsteps.StartStopStep):
    """Looks every few seconds, in a thread of its own."""

    watch: BeatWatch

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Celery's worker
        super().__init__(parent, **kwargs)
        self._is_over = threading.Event()

    def start(self, parent: Any) -> None:  # noqa: ANN401
        """Start the thread."""
        threading.Thread(target=self._run, args=(parent.app,), name="beat watch", daemon=True).start()

    def stop(self, parent: Any) -> None:  # noqa: ANN401, ARG002
        """Stop looking."""
        self._is_over.set()

    def _run(self, app: Celery) -> None:
        while not self._is_over.wait(LOOK_EVERY_SECONDS):
            try:
                self.watch.look(app)
            except (RedisError, OperationalError, MissionControlError, OSError):
                continue  # the consumer reports that Redis cannot be asked
