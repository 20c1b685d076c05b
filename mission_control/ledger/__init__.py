"""The ledger: the record of runs in Redis, true while it lives.

`ledger` has the transitions, each one script, and finds orphaned runs; `claims` says who runs what.
"""
