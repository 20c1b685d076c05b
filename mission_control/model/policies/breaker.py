"""The circuit breaker of a task: failed runs open it, probes are let through, a success closes it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from mission_control.model.policies.misfire import Decision, Fire, Skip
from mission_control.model.policies.pause import PauseKind, PauseLayer, layer_name

WHO: Final = "breaker"


def breaker_name(task_id: str) -> str:
    """Return the name of the layer that is the circuit breaker of a task.

    >>> breaker_name("a")
    'breaker:a'
    """
    return layer_name(PauseKind.BREAKER, task_id)


def opened(
    task_id: str, failures: int, *, after: int, probe_after: Sequence[float], last_failed: str, now: datetime
) -> PauseLayer | None:
    """Return the breaker of a task whose last `failures` runs have failed; None if it stays closed.

    It opens at the `after`th failure, and each failed probe opens it again: `probe_after` are the seconds
    until the first, second, … probe; the last of them holds for all further ones.
    """
    if failures < after:
        return None
    probes = failures - after
    return PauseLayer(
        PauseKind.BREAKER,
        task_id,
        since=now,
        who=WHO,
        reason=f"{failures} failed runs in a row, the last is {last_failed}",
        until=now + _wait(probe_after, probes),
        probes=probes,
    )


def probing(layer: PauseLayer, probe_after: Sequence[float], now: datetime) -> PauseLayer:
    """Return a breaker whose probe was sent: the next one is due if that has no outcome until then."""
    return replace(layer, until=now + _wait(probe_after, layer.probes))


def only_probe(decision: Decision, layer: PauseLayer) -> Decision:
    """Return the same decision with the newest occurrence as the probe, and all others skipped."""
    newest = max((one.scheduled_time for one in decision.actions if isinstance(one, Fire)), default=None)
    actions = tuple(
        Skip(one.scheduled_time, layer.words(), layer.cause())
        if isinstance(one, Fire) and one.scheduled_time != newest
        else one
        for one in decision.actions
    )
    return replace(decision, actions=actions)


def _wait(probe_after: Sequence[float], probes: int) -> timedelta:
    return timedelta(seconds=probe_after[min(probes, len(probe_after) - 1)])
