"""The model that every part of a definition is made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A value that is checked once, on the way in, and never changes afterwards.

    Unknown keys are errors. Types are taken literally, as JSON has them: `"3"` and `true` are no
    integers. Sequences are stored as tuples; a field that takes a JSON list says `Field(strict=False)`
    for the list itself, and its items stay strict. Infinity and NaN are refused.

    Make a changed copy by validating changed data, not by `model_copy(update=…)`, which checks nothing
    and keeps what was computed from the old values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
