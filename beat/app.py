"""The Celery application of beat: `celery -A beat.app beat`."""

from __future__ import annotations

from functools import partial

from mission_control.installation import installation_or_end
from mission_control.messaging.celery_app import create_app

app = create_app("beat", partial(installation_or_end, "beat"))
