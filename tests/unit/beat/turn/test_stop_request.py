from __future__ import annotations

import os
import signal
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from beat.turn.stop_request import StopRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture
def stop_request() -> Iterator[StopRequest]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    made = StopRequest()
    made.listen()
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_is_noted_and_ends_the_next_wait(stop_request: StopRequest, number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    assert stop_request.is_made
    with pytest.raises(SystemExit), stop_request.waiting():
        pytest.fail("it waited")


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_ends_a_wait(stop_request: StopRequest, number: signal.Signals) -> None:
    with pytest.raises(SystemExit) as ended, stop_request.waiting():
        os.kill(os.getpid(), number)
    assert ended.value.code == 0


def test_second_signal_is_raised_at_once(stop_request: StopRequest) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    assert stop_request.is_made
    with pytest.raises(SystemExit):
        os.kill(os.getpid(), signal.SIGINT)


def test_thread_listens_to_nothing() -> None:
    before = signal.getsignal(signal.SIGTERM)
    thread = Thread(target=StopRequest().listen)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
