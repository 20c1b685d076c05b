"""How states are shown: six kinds, each with a colour and a shape."""

from typing import Final

_KINDS: Final = {
    **dict.fromkeys(("success", "ran", "enabled", "ok", "leading"), "ok"),
    **dict.fromkeys(("failure", "timed_out", "lost", "failed", "quarantined"), "bad"),
    **dict.fromkeys(("missed", "expired", "interrupted", "retrying", "paused", "waiting"), "warn"),
    **dict.fromkeys(("running",), "run"),
    **dict.fromkeys(("skipped", "cancelled"), "skip"),
}


def kind_of(state: str) -> str:
    """Return the kind of a state, which is the class of its colour: ok, bad, warn, run, skip or idle.

    >>> kind_of("timed_out"), kind_of("dispatched")
    ('bad', 'idle')
    """
    return _KINDS.get(state, "idle")
