"""What happens to occurrences that fell due while no beat ran."""

from typing import Literal

from pydantic import Field

from mission_control.model.values.fields import Seconds
from mission_control.model.values.frozen_model import FrozenModel


class Misfire(FrozenModel):
    """How a task catches up after a downtime.

    `policy`: "latest" runs the newest missed occurrence, "all" runs the `max_catch_up` newest, oldest first,
    and "skip" runs none. An occurrence older than `grace_seconds` is not run. The occurrences start
    `stagger_seconds` apart.
    """

    policy: Literal["latest", "all", "skip"] = "latest"
    grace_seconds: Seconds = 86_400
    max_catch_up: int = Field(default=100, ge=0, le=10_000)
    stagger_seconds: Seconds = 0
