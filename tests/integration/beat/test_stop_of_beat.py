from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from celery.beat import Service
from celery.signals import beat_init

from tests.processes.still_beats import beat_of

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


def test_beat_that_celery_has_begun_hears_the_signals_itself(installation: Installation) -> None:
    beat = beat_of(installation)
    service = Service(beat.app)
    service.scheduler = beat
    numbers = signal.SIGTERM, signal.SIGINT
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        beat_init.send(sender=service)
        os.kill(os.getpid(), signal.SIGTERM)  # between two turns: nothing is raised yet
        with pytest.raises(SystemExit) as ended:
            beat.tick()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ended.value.code == 0
