"""A run as the ledger should store it, in plain Python."""

from __future__ import annotations

from dataclasses import dataclass

from mission_control.ledger.claims import BeginVerdict
from mission_control.model.runs.run_state import MOST_DELIVERIES, RunState

BEGUN = {RunState.RUNNING, RunState.INTERRUPTED}
"""The states in which the same attempt begins again."""


@dataclass
class Model:
    """The expected state of a run."""

    state: RunState = RunState.DISPATCHED
    attempt: int = 0
    fence: int = 0
    deliveries: int = 0
    is_leased: bool = False
    resends: int = 0
    is_to_be_cancelled: bool = False

    def verdict(self, attempt: int) -> BeginVerdict:
        if self.state.is_final:
            return BeginVerdict.FINISHED
        if self.state not in BEGUN:
            return BeginVerdict.BEGUN if attempt == self.attempt + 1 else BeginVerdict.STALE
        if attempt != self.attempt:
            return BeginVerdict.STALE
        if self.is_leased:
            return BeginVerdict.HELD
        if self.is_to_be_cancelled:
            return BeginVerdict.CANCEL
        return BeginVerdict.POISONED if self.deliveries >= MOST_DELIVERIES else BeginVerdict.BEGUN

    def begin(self, attempt: int) -> None:
        self.deliveries = self.deliveries + 1 if self.state in BEGUN else 1
        self.state, self.attempt, self.is_leased = RunState.RUNNING, attempt, True
        self.fence, self.resends = self.fence + 1, 0

    def interrupt(self, *, counts: bool) -> None:
        if not counts:
            self.deliveries -= 1
        self.state, self.is_leased = RunState.INTERRUPTED, False

    def end(self, state: RunState) -> RunState:
        if state is RunState.RETRYING and self.is_to_be_cancelled:
            state = RunState.CANCELLED
        if self.state is RunState.RUNNING:
            self.resends = 0
        self.state, self.is_leased = state, False
        return state
