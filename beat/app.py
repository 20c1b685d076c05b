"""The Celery application of beat: `celery -A beat.app beat`."""

from __future__ import annotations

from mission_control.messaging.celery_app import create_app

app = create_app("beat")
