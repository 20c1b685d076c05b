from __future__ import annotations

import os
import signal
import threading
import time
import weakref
from typing import TYPE_CHECKING

import pytest

from mission_control.cli.live import stop_signals
from mission_control.cli.live.stop_signals import StopRequestedError, StopSignals

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 30.0


@pytest.fixture
def _no_same_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take each signal for one of its own, however soon it comes."""
    monkeypatch.setattr(stop_signals, "_SAME_SIGNAL_SECONDS", -1.0)


def send(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def in_del() -> None:
    class Thing:
        def __del__(self) -> None:
            send()

    Thing()


def in_callback() -> None:
    class Thing:
        pass

    kept = [Thing()]
    watched = weakref.ref(kept[0], lambda _: send())
    kept.clear()
    assert watched() is None


@pytest.mark.parametrize("place", [send, in_del, in_callback])
def test_signal_is_raised_by_the_next_pause_wherever_it_came(place: Callable[[], None]) -> None:
    with StopSignals() as signals:
        place()
        with pytest.raises(StopRequestedError):
            signals.pause(LONG)


@pytest.mark.parametrize("number", stop_signals.STOPS)
def test_signal_ends_a_pause(number: signal.Signals) -> None:
    with StopSignals() as signals:
        later = threading.Timer(0.05, send, [number])
        later.start()
        began = time.monotonic()
        with pytest.raises(StopRequestedError):
            signals.pause(LONG)
        assert time.monotonic() - began < LONG / 2
        later.join()


@pytest.mark.usefixtures("_no_same_signal")
def test_first_signal_is_raised_once_and_later_ones_kill() -> None:
    killed: list[str] = []
    with StopSignals() as signals:
        signals.kill = lambda: killed.append("killed")
        send()
        with pytest.raises(StopRequestedError):
            signals.pause(0)
        signals.pause(0)
        assert killed == []
        send()
        signals.pause(0)
    assert killed == ["killed"]


@pytest.mark.usefixtures("_no_same_signal")
def test_second_signal_is_raised_at_once_while_nothing_runs() -> None:
    with StopSignals():
        send()
        with pytest.raises(StopRequestedError):
            send()


def test_two_signals_of_one_ctrl_c_are_one() -> None:
    with StopSignals() as signals:
        send(signal.SIGINT)
        send(signal.SIGTERM)
        with pytest.raises(StopRequestedError):
            signals.pause(0)


def test_ignored_hangup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            send(signal.SIGHUP)
            signals.pause(0)
    finally:
        signal.signal(signal.SIGHUP, before)
