"""The ledger: the record of runs in Redis, true while it lives.

`run_state` is the state machine as data, `run_record` one run, `history` the counters of a task,
`ledger` the transitions, each one script, `claims` who runs what, `lapses` what nobody runs any more.
"""

from mission_control.ledger.claims import (
    MOST_DELIVERIES,
    BeginReply,
    BeginVerdict,
    LeaseState,
)
from mission_control.ledger.history import History
from mission_control.ledger.lapses import LOOKED_AT_ONCE, Lapses
from mission_control.ledger.ledger import Ledger
from mission_control.ledger.run_record import RunRecord, Trigger
from mission_control.ledger.run_state import FINAL_STATES, RunState

__all__ = [
    "FINAL_STATES",
    "LOOKED_AT_ONCE",
    "MOST_DELIVERIES",
    "BeginReply",
    "BeginVerdict",
    "History",
    "Lapses",
    "LeaseState",
    "Ledger",
    "RunRecord",
    "RunState",
    "Trigger",
]
