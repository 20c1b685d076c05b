"""Beats of a clock that stands still, in the test's own process: nothing but their turns happens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from beat.scheduler import MissionControlScheduler
from mission_control.installation.installation import create_app

if TYPE_CHECKING:
    from celery import Celery

    from mission_control.installation.installation import Installation

NINE: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
HANDLER: Final = "handlers.test_handler.run"


def task(name: str = "nine", **fields: Any) -> dict[str, Any]:
    """Return a definition that is due every day at nine."""
    return {"id": name, "handler": HANDLER, "schedule": {"type": "daily", "time": "09:00"}, **fields}


def beat_of(installation: Installation, app: Celery | None = None) -> MissionControlScheduler:
    """Return a beat that never waits, of our own application or of `app`."""
    chosen = create_app("beat", lambda: installation) if app is None else app
    beat = MissionControlScheduler(chosen, installation=installation, lazy=True)
    beat.max_interval = 0.0  # the clock of these tests stands still: nothing would end a wait
    return beat


def app_with(installation: Installation, **settings: Any) -> Celery:
    """Return an application that a user built."""
    app = create_app("theirs", lambda: installation)
    app.conf.update(settings)
    return app
