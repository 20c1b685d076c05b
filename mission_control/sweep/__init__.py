"""The sweep: it finds what no process gives a sign of any more, and sees to it that it goes on or ends.

`whereabouts` finds out whether a run's message still exists; `sweep` does what the recovery policy says.
"""
