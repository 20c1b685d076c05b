"""Named limits, which several tasks may share: how many runs at a time, and how many in a time."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, ValidationError, model_serializer, model_validator

from mission_control.errors import InvalidLimitError, Problem
from mission_control.model.problems.messages import shown
from mission_control.model.problems.problems import problems_of
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.fields import TaskId
from mission_control.model.values.frozen_model import FrozenModel

MOST: Final = 1_000_000
MOST_USES: Final = 20
LONGEST_VALUE: Final = 200
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_RATE: Final = re.compile(r"(\d{1,7})/(\d{0,5})([smhd])")
_PER: Final = re.compile(r"params(\.[A-Za-z0-9_-]{1,64}){1,8}")

Count = Annotated[int, Field(ge=1, le=MOST)]


def _rate(value: str) -> str:
    found = _RATE.fullmatch(value)
    if found is None or not 0 < int(found[1]) <= MOST or (found[2] and int(found[2]) == 0):
        raise ValueError(
            f'{quoted(value)} is no rate; write up to {MOST:,} runs in a time, such as "30/m" or "5/10s"'
        )
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


class NamedLimit(FrozenModel):
    """At most `concurrency` runs at a time, at most `rate` in a time; of these, `burst` may begin at once.

    With `per`, each value of that param has slots and a rate of its own.
    """

    name: TaskId
    concurrency: Count | None = None
    rate: Annotated[str, AfterValidator(_rate)] | None = None
    burst: Count | None = None
    per: Annotated[str, AfterValidator(_param)] | None = None

    @property
    def interval(self) -> float:
        """The seconds in which one run may begin, 0 without a rate."""
        found = None if self.rate is None else _RATE.fullmatch(self.rate)
        return 0.0 if found is None else int(found[2] or 1) * _SECONDS[found[3]] / int(found[1])

    def to_dict(self) -> dict[str, Any]:
        """Return the limit as JSON has it, with the given fields alone."""
        return self.model_dump(mode="json", exclude_none=True)

    def words(self) -> str:
        """Say what the limit allows.

        >>> NamedLimit(name="llm-api", concurrency=2, rate="30/m", burst=5, per="params.customer").words()
        '2 at a time, 30/m (up to 5 at once), for each params.customer'
        """
        parts = [] if self.concurrency is None else [f"{self.concurrency:,} at a time"]
        if self.rate is not None:
            parts.append(self.rate + ("" if self.burst is None else f" (up to {self.burst:,} at once)"))
        return ", ".join(parts + ([] if self.per is None else [f"for each {self.per}"]))


def parse_limit(data: object) -> NamedLimit:
    """Check a limit and return it.

    Raises:
        InvalidLimitError: lists every problem.
    """
    if not isinstance(data, Mapping):
        raise InvalidLimitError([Problem("", f"{shown(data)} is not an object with the fields of a limit")])
    subject = f"limit {shown(data.get('name'))}"
    try:
        limit = NamedLimit.model_validate(dict(data))
    except ValidationError as error:
        raise InvalidLimitError(problems_of(error, NamedLimit), subject=subject) from error
    if limit.concurrency is None and limit.rate is None:
        raise InvalidLimitError([Problem("", "give it a concurrency, a rate, or both")], subject=subject)
    if limit.burst is not None and limit.rate is None:
        raise InvalidLimitError([Problem("burst", "means nothing without a rate; give one")], subject=subject)
    return limit


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
        elif limit.per is not None and (fault := _value_fault(limit.per, params)) is not None:
            yield Problem(limit.per, f"{fault}; limit {name} counts the runs of each value apart")
        if name in [other for other, _ in uses[:at]]:
            yield Problem(where, f"{quoted(name)} is listed twice; write it once, with a weight")


def _value_fault(per: str, params: Mapping[str, Any]) -> str | None:
    value: Any = params
    for name in per.split(".")[1:]:
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return "is missing"
    if not isinstance(value, str | int | float):
        return f"{shown(value)} is no text, number or boolean"
    if len(str(value)) > LONGEST_VALUE:
        return f"has {len(str(value)):,} characters, more than {LONGEST_VALUE}"
    return None
