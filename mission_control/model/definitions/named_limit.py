"""Named limits, which several tasks may share: how many runs at a time, and how many in a time."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field, model_serializer, model_validator

from mission_control.errors import InvalidLimitError, Problem
from mission_control.model.definitions.named_resource import NamedResource
from mission_control.model.problems.messages import shown
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.fields import FrozenModel, TaskId
from mission_control.model.values.rates import parse_rate

MOST: Final = 1_000_000
MOST_USES: Final = 20
LONGEST_VALUE: Final = 200
_PER: Final = re.compile(r"params(\.[A-Za-z0-9_-]{1,64}){1,8}")

Count = Annotated[int, Field(ge=1, le=MOST)]


def _rate(value: str) -> str:
    count, _ = parse_rate(value)
    if count > MOST:
        raise ValueError(f"{quoted(value)} is no rate; write up to {MOST:,} runs in a time")
    return value


def _param(value: str) -> str:
    if _PER.fullmatch(value) is None:
        raise ValueError(f'{quoted(value)} names no param; write such as "params.customer"')
    return value


class LimitUse(FrozenModel):
    """What a run takes of a limit: `weight` slots while it runs, and as many of its tokens when it begins."""

    name: TaskId
    weight: Count = 1

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @model_serializer
    def _shortest(self) -> str | dict[str, Any]:
        return self.name if self.weight == 1 else {"name": self.name, "weight": self.weight}


class LimitUses(FrozenModel):
    """The limits of a task, or of a run."""

    limits: tuple[LimitUse, ...] = Field(default=(), strict=False, max_length=MOST_USES)


class NamedLimit(NamedResource):
    """At most `concurrency` runs at a time, at most `rate` in a time; of these, `burst` may begin at once.

    With `per`, each value of that param has slots and a rate of its own.
    """

    noun: ClassVar[str] = "limit"
    invalid: ClassVar = InvalidLimitError

    name: TaskId
    concurrency: Count | None = None
    rate: Annotated[str, AfterValidator(_rate)] | None = None
    burst: Count | None = None
    per: Annotated[str, AfterValidator(_param)] | None = None

    @property
    def interval(self) -> float:
        """The seconds in which one run may begin, 0 without a rate."""
        count, seconds = (1, 0.0) if self.rate is None else parse_rate(self.rate)
        return seconds / count

    def computed(self) -> dict[str, Any]:
        """Return the interval, which `limits.lua` needs as a number."""
        return {"interval": self.interval}

    def words(self) -> str:
        """Say what the limit allows.

        >>> NamedLimit(name="llm-api", concurrency=2, rate="30/m", burst=5, per="params.customer").words()
        '2 at a time, 30/m (up to 5 at once), for each params.customer'
        """
        parts = [] if self.concurrency is None else [f"{self.concurrency:,} at a time"]
        if self.rate is not None:
            parts.append(self.rate + ("" if self.burst is None else f" (up to {self.burst:,} at once)"))
        return ", ".join(parts + ([] if self.per is None else [f"for each {self.per}"]))

    def problem(self) -> Problem | None:
        """Return what is wrong with the fields together."""
        if self.concurrency is None and self.rate is None:
            return Problem("", "give it a concurrency, a rate, or both")
        if self.burst is not None and self.rate is None:
            return Problem("burst", "means nothing without a rate; give one")
        return None


def use_problems(
    uses: Sequence[Sequence[Any]], known: Mapping[str, NamedLimit], params: Mapping[str, Any]
) -> Iterable[Problem]:
    """Yield what is wrong with limits, each a name and a weight, of a task or run with these params."""
    for at, (name, weight) in enumerate(uses):
        where, limit = f"limits[{at}]", known.get(name)
        if limit is None:
            hint = did_you_mean(name, known) or "; set it with `mission-control limit set`"
            yield Problem(where, f"{quoted(name)} is no limit{hint}")
        elif limit.concurrency is not None and weight > limit.concurrency:
            most = (
                f"{weight} is more than the {limit.concurrency} of limit {name}; lower one or raise the other"
            )
            yield Problem(f"{where}.weight", most)
        elif limit.per is not None and (fault := value_fault(limit.per, params)) is not None:
            yield Problem(limit.per, f"{fault}; limit {name} counts the runs of each value apart")
        if name in [other for other, _ in uses[:at]]:
            yield Problem(where, f"{quoted(name)} is listed twice; write it once, with a weight")


def value_fault(per: str, params: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the value that `per` names in some params; None for nothing.

    >>> value_fault("params.customer", {"customer": 7}), value_fault("params.customer", {})
    (None, 'is missing')
    """
    value = value_at(per, params)
    if value is None:
        return "is missing"
    if not isinstance(value, str | int | float):
        return f"{shown(value)} is no text, number or boolean"
    if len(str(value)) > LONGEST_VALUE:
        return f"has {len(str(value)):,} characters, more than {LONGEST_VALUE}"
    return None


def value_at(per: str, params: Mapping[str, Any]) -> Any:  # noqa: ANN401  # any JSON value
    """Return the value that `per` names in some params; None if there is none."""
    value: Any = params
    for name in per.split(".")[1:]:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
