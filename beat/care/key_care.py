"""Looking after the keys of the schedule: that they are there, and of the types that beat needs."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

from beat.care.wrong_types import forget_deleted, set_wrong_types_aside
from beat.entries.entry_keys import entry_keys
from beat.entries.static_entries import install_static_entries
from beat.turn.side_work import SideWork
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from celery import Celery

    from beat.turn.lead import Turn
    from mission_control.installation.installation import Installation

LOOK_EVERY_SECONDS: Final = 1.0
FORGET_EVERY_SECONDS: Final = 60.0

DOUBT_AFTER_SECONDS: Final = 30.0
"""How long a schedule may be empty that firing itself has emptied: somebody may have deleted it just then.
A lone task with a fixed delay empties it at each run, and looking through all keys costs far more."""


class KeyCare:
    """Mends what others have done to the keys; every method raises `RedisError` if Redis cannot be asked."""

    def __init__(self, installation: Installation, app: Celery) -> None:
        self._installation = installation
        self._app = app
        self._look_at = 0.0
        self._forget_at = 0.0
        self._do = SideWork()
        self._had_entries = False
        self._rebuild_at = math.inf
        self._has_static_entries = False

    def begin(self) -> None:
        """Build a schedule that was lost while this beat did not lead, and install `beat_schedule`."""
        if self._installation.client.exists(self._installation.redbeat_keys.schedule) == 0:
            self._do("rebuild", self._rebuild)
        self._do("install", self._install)
        self._do("forget", self._forget)

    def look(self, turn: Turn, *, has_fired: bool) -> None:
        """Mend what would else only be noticed when something is fired or registered.

        A schedule that has become empty was lost, or its last task has had its last occurrence: the entries
        themselves tell. If beat has fired since it had some (`has_fired`), that is why, in all likelihood.
        """
        has_entries = turn.next_due is not None
        if turn.has_wrong_types:
            self.mend()
        if has_entries:
            self._rebuild_at = math.inf
        elif self._had_entries:
            self._rebuild_at = time.monotonic() + (DOUBT_AFTER_SECONDS if has_fired else 0.0)
        self._had_entries = has_entries
        if time.monotonic() >= self._rebuild_at:
            self._rebuild_at = math.inf
            self._do("rebuild", self._rebuild)
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY_SECONDS
            self._do("install", self._install_if_lost)
        if time.monotonic() >= self._forget_at:
            self._do("forget", self._forget)

    def mend(self) -> bool:
        """Set keys of the wrong type aside and rebuild the schedule; say whether there were any."""
        wrong = set_wrong_types_aside(self._installation)
        if not {self._installation.redbeat_keys.schedule, redis_keys.TASKS}.isdisjoint(wrong):
            self._rebuild()
        if self._installation.redbeat_keys.statics in wrong:
            self._install()
        return bool(wrong)

    def _forget(self) -> None:
        self._forget_at = time.monotonic() + FORGET_EVERY_SECONDS
        forget_deleted(self._installation)

    def _install(self) -> None:
        self._has_static_entries = install_static_entries(self._app, self._installation)

    def _install_if_lost(self) -> None:
        statics = self._installation.redbeat_keys.statics
        if self._has_static_entries and not self._installation.client.exists(statics):
            self._install()

    def _rebuild(self) -> None:
        if any(entry_keys(self._installation.client, self._installation.redbeat_keys)):
            from beat.care.rebuild import rebuild_schedule  # reads tasks: much to load where there are none

            rebuild_schedule(self._installation, self._app)
