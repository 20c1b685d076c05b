"""Circuit breakers of tasks: opened and closed as their runs end, kept among the pauses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mission_control.events import events
from mission_control.ledger.run_reader import RunReader
from mission_control.model.policies.breaker import breaker_name, opened, probing
from mission_control.model.policies.notices import Notice, pause_notices
from mission_control.model.policies.pause import PauseLayer
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState
from mission_control.registry.pauses import Pauses


@dataclass(frozen=True)
class Breakers:
    """Opens and closes circuit breakers; each change is an event and a record of changes.

    A whole run counts, not its attempts; a cancelled one does not. Does not guarantee that a failure opens
    the breaker if the process that ends the run is killed right after; the next failure does.
    """

    pauses: Pauses
    ledger: RunReader
    clock: Callable[[], datetime]

    def after_run(self, run: RunRecord) -> None:
        """Note how a run ended."""
        if run.breaker is None:
            return
        if run.state is RunState.SUCCESS:
            name, why = breaker_name(run.task_id), "a run succeeded"
            notices = self._notices(run, f"closed {name}", f"circuit breaker closed: {why}")
            for layer in self.pauses.end([name], reason=why, forget=True, notices=notices):
                events.breaker_closed(layer.value)
        elif run.state in RAN_AND_FAILED:
            self._after_failure(run, run.breaker["after"], run.breaker["probe_after"])

    def probe(self, layer: PauseLayer, probe_after: Sequence[float]) -> None:
        """Note that a probe was sent, so that no other follows at once."""
        self.pauses.set([probing(layer, probe_after, self.clock())], change="breaker_probed")
        events.breaker_probed(layer.value)

    def _notices(self, run: RunRecord, cause: str, text: str) -> list[Notice]:
        return pause_notices([(run.task_id, run.notify)], cause=cause, text=text, at=self.clock())

    def _after_failure(self, run: RunRecord, after: int, probe_after: Sequence[float]) -> None:
        failures, last = self.ledger.history(run.task_id).consecutive_failures, run.execution_id
        layer = opened(
            run.task_id, failures, after=after, probe_after=probe_after, last_failed=last, now=self.clock()
        )
        if layer is not None:
            notices = self._notices(run, layer.name, layer.words())
            self.pauses.set([layer], change="breaker_opened", notices=notices)
            events.breaker_opened(layer.value, layer.reason)
