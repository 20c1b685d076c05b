"""The Celery application of beat: `celery -A beat.app beat`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mission_control.errors import SettingsError
from mission_control.installation import current_installation
from mission_control.messaging.celery_app import create_app

if TYPE_CHECKING:
    from mission_control.installation import Installation


def installation_or_end() -> Installation:
    """Return the installation that the environment describes; end the process in one sentence if none."""
    try:
        return current_installation()
    except SettingsError as error:
        raise SystemExit(f"beat ends: {error}") from error


app = create_app("beat", installation_or_end)
