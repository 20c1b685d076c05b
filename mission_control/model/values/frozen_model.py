"""The base model of all parts of a definition."""

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A value that is checked once, when it is made, and never changes afterwards.

    Unknown keys are errors. Types are strict, as in JSON: `"3"` and `true` are not integers. Infinity and
    NaN are refused. Sequences are stored as tuples; a field that takes a JSON list says
    `Field(strict=False)` for the list itself, and its items stay strict.

    Make a changed copy by validating changed data, not by `model_copy(update=…)`, which checks nothing
    and keeps what was computed from the old values. A model's checks are built when it is first used, because
    an idle beat needs few of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)
