"""The sweep: it finds orphaned runs, and restarts or ends them.

`whereabouts` finds out whether a run's message still exists; `sweep` does what the recovery policy says.
"""
