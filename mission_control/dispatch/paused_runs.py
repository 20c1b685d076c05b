"""What becomes of the runs of a paused task that were sent before the pause."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

from mission_control.dispatch.run_control import RunControl
from mission_control.model.policies.pause import PauseLayer
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.run_record import RunRecord, Trigger
from mission_control.model.runs.run_state import RunState

Ending = Literal["skipped", "cancelled", "stopped", "running"]
_BY_HAND: Final = Trigger.MANUAL, Trigger.PLAIN, Trigger.BACKFILL


def concerns(run: RunRecord, *, stop_running: bool) -> bool:
    """Return whether a pause takes a run back: one that was requested only with `stop_running`."""
    return stop_running or run.trigger not in _BY_HAND


def take_back(
    control: RunControl, found: Sequence[tuple[RunRecord, PauseLayer]], *, stop_running: bool
) -> Counter[Ending]:
    """Take back runs, each with the layer that pauses it, and return how many ended in which way.

    An occurrence that waits to start is skipped, with the pause as its cause. A run that waits for its next
    attempt is cancelled. One that runs goes on, but no attempt follows; with `stop_running` it is stopped.
    From the first moment on no attempt of any of them begins.
    """
    for layer in {layer for _, layer in found}:
        ids = [run.execution_id for run, its_layer in found if its_layer == layer]
        control.ledger.revoke(ids, layer.words())
    return Counter(_end(control, run, layer, stop_running=stop_running) for run, layer in found)


def _end(control: RunControl, run: RunRecord, layer: PauseLayer, *, stop_running: bool) -> Ending:
    if run.state is RunState.DISPATCHED and run.trigger not in _BY_HAND:
        cause = Cause("paused", layer=layer.name).to_dict()
        if control.ending.close(run, RunState.SKIPPED, layer.words(), cause=cause) is not None:
            return "skipped"
    elif run.state is not RunState.RUNNING:
        control.cancel(run.execution_id, reason=layer.words())
        return "cancelled"
    if stop_running:
        control.cancel(run.execution_id, reason=layer.words())
        return "stopped"
    return "running"
