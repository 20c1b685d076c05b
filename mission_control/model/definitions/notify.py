"""Which channels are notified of a run's outcome."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.frozen_model import FrozenModel

_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,63}")
_MOST_CHANNELS = 32

Event = Literal[
    "success", "failure", "retry", "timed_out", "lost", "cancelled", "expired", "skipped", "missed"
]


def _channel(value: str) -> str:
    if not _CHANNEL.fullmatch(value):
        raise ValueError(
            f"{quoted(value)} is not a channel's name; use up to 64 letters, digits and underscores, as "
            "in the setting MISSION_CONTROL_NOTIFY_<CHANNEL>"
        )
    return value


Channel = Annotated[str, AfterValidator(_channel)]


class Notify(FrozenModel):
    """Which outcomes are sent to which channels; an empty list sends nothing."""

    on: tuple[Event, ...] = Field(default=("failure",), strict=False, max_length=_MOST_CHANNELS)
    to: tuple[Channel, ...] = Field(default=("default",), strict=False, max_length=_MOST_CHANNELS)
