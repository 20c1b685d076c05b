"""Which channels are notified of what happens to a task."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.fields import Span
from mission_control.model.values.frozen_model import FrozenModel

_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,63}")
_MOST_CHANNELS = 32

Event = Literal["failure", "recovery", "missed", "skipped", "late", "idle", "budget", "paused", "success"]


def _channel(value: str) -> str:
    if not _CHANNEL.fullmatch(value):
        raise ValueError(
            f"{quoted(value)} is not a channel's name; use up to 64 letters, digits and underscores, as "
            "in the setting MISSION_CONTROL_NOTIFY_<CHANNEL>"
        )
    return value


Channel = Annotated[str, AfterValidator(_channel)]


class Notify(FrozenModel):
    """Which events are sent to which channels; an empty list sends nothing.

    What still fails is sent again every `remind_every` seconds, None for never. With `digest` everything that
    happens within so many seconds is one message.
    """

    on: tuple[Event, ...] = Field(default=("failure",), strict=False, max_length=_MOST_CHANNELS)
    to: tuple[Channel, ...] = Field(default=("default",), strict=False, max_length=_MOST_CHANNELS)
    remind_every: Annotated[Span, Field(ge=60)] | None = None
    digest: Annotated[Span, Field(ge=60)] | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels as settings name them, each once."""
        return tuple(dict.fromkeys(one.lower() for one in self.to))
