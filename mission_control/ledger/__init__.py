"""The ledger: the record of runs in Redis, true while it lives.

`ledger` has the transitions, each one script; `claims` who runs what; `lapses` finds orphaned runs.
"""
