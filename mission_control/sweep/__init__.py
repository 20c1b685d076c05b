"""The sweep: it finds what no process gives a sign of any more, and sees to it that it goes on or ends.

`decision` says, without touching anything, what becomes of a run; `whereabouts` finds out whether its
message still exists; `sweep` does it.
"""

from mission_control.sweep.sweep import Sweep

__all__ = ["Sweep"]
