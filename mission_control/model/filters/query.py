"""A filter as a value: terms that must all hold, and whether they do."""

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final, Self

from mission_control.model.filters.filter_fields import FilterField, Subject, fields_of
from mission_control.model.values.instants import format_instant

Fact = Collection[str] | float | datetime | None
Facts = Mapping[str, Fact]
Value = str | float | datetime

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ":": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: a field has one of the values, or none of them; `name` is how the field was called."""

    field: FilterField
    values: tuple[Value, ...]
    operator: str = ":"
    is_negated: bool = False
    name: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The values that are text; a pattern among them has a `*`."""
        return tuple(one for one in self.values if isinstance(one, str))

    @property
    def is_exact(self) -> bool:
        """Whether it names all that it takes."""
        return not (self.is_negated or any(set("*?…") & set(one) for one in self.names))

    def holds(self, facts: Facts) -> bool:
        """Return whether the term holds of what has these facts."""
        return any(self._is(facts, value) for value in self.values) is not self.is_negated

    def _is(self, facts: Facts, value: Value) -> bool:
        if isinstance(value, datetime):
            at = facts["at"]
            return isinstance(at, datetime) and (at < value if self.field.name == "until" else at >= value)
        fact = facts[self.field.name]
        if isinstance(value, str):
            return isinstance(fact, Collection) and any(self._matches(one, value) for one in fact)
        return isinstance(fact, float | int) and _COMPARISONS[self.operator](fact, value)

    def _matches(self, text: str, value: str) -> bool:
        if self.field.kind == "choice":
            return text == value
        if self.field.kind == "text":
            return value.casefold() in text.casefold()
        return fnmatchcase(text, value.replace("[", "[[]").replace("…", "*"))

    def __str__(self) -> str:
        values = [format_instant(one) if isinstance(one, datetime) else str(one) for one in self.values]
        how = "" if self.operator == ":" else f"{self.operator} "
        no = "not " if self.is_negated else ""
        return f"{no}{self.name or self.field.name} {how}{' or '.join(sorted(values))}"


@dataclass(frozen=True, slots=True)
class Query:
    """A filter of runs, or of tasks: what all its terms hold of."""

    subject: Subject
    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything was asked."""
        return bool(self.terms)

    def holds(self, facts: Facts) -> bool:
        """Return whether all terms hold."""
        return all(term.holds(facts) for term in self.terms)

    def and_(self, terms: Sequence[Term]) -> Self:
        """Return the filter with further terms."""
        return type(self)(self.subject, (*self.terms, *terms))

    def about(self, name: str, *, is_negated: bool | None = False) -> list[Term]:
        """Return the terms about a field: what they ask for, or with None also what they rule out."""
        return [one for one in self.terms if one.field.name == name and is_negated in {None, one.is_negated}]

    def __str__(self) -> str:
        return ", ".join(map(str, self.terms))


def term_of(subject: Subject, name: str, values: Iterable[Value]) -> Term:
    """Return the term that an option such as --queue stands for."""
    return Term(fields_of(subject)[name], tuple(values), name=name)
