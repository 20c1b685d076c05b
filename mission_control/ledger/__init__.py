"""The ledger: the record of runs in Redis, true while it lives.

`run_state` is the state machine as data, `run_record` one run, `history` the
counters of a task, `ledger` the transitions, each one script.
"""

from mission_control.ledger.history import History
from mission_control.ledger.ledger import BeginReply, BeginVerdict, Ledger
from mission_control.ledger.run_record import RunRecord, Trigger
from mission_control.ledger.run_state import FINAL_STATES, RunState

__all__ = [
    "FINAL_STATES",
    "BeginReply",
    "BeginVerdict",
    "History",
    "Ledger",
    "RunRecord",
    "RunState",
    "Trigger",
]
