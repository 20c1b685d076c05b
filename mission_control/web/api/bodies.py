"""What bodies and queries have in common; definitions of tasks are checked by their own models."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, TypeVar

from fastapi import Body, Depends, Header, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from mission_control.installation.installation import Installation
from mission_control.model.filters.filter_fields import Subject
from mission_control.model.filters.grammar import parse_filter
from mission_control.model.values.fields import Line
from mission_control.model.values.zones import zone
from mission_control.operate.filters import Filter
from mission_control.web.problems import RequestError

Item = TypeVar("Item")


def _sane(value: datetime) -> datetime:
    with suppress(OverflowError):
        value = value.astimezone(UTC)
        if 1970 <= value.year < 2600:  # noqa: PLR2004  # as schedules have it
            return value
    raise ValueError("it is before 1970, or after 2599")


Moment = Annotated[AwareDatetime, AfterValidator(_sane)]
Reason = Annotated[Line | None, Query(description="Why; kept in the record of changes.")]
DryRun = Annotated[bool, Query(description="Answer what would be done, and do nothing.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many to return at most.")]
Definition = Annotated[dict[str, Any], Body()]
IfMatch = Annotated[
    str | None, Header(pattern=r'^"[0-9]{1,9}"$', description="The `ETag` that was read: else 412.")
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]


@dataclass(frozen=True)
class _How:
    """How a task is changed."""

    dry_run: DryRun = False
    reason: Reason = None
    if_match: IfMatch = None

    @property
    def revision(self) -> int | None:
        """The revision that it must have; None for any."""
        return None if self.if_match is None else int(self.if_match.strip('"'))


How = Annotated[_How, Depends()]


class Wish(BaseModel):
    """A body; a field that it does not have is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Why(Wish):
    """A reason."""

    reason: Line | None = None


class _Selection(BaseModel):
    model_config = ConfigDict(extra="forbid")

    q: str = Field(default="", max_length=4_000, description="A filter, as docs/filter.md has it.")

    def filter(self, subject: Subject, whole: Installation) -> Filter:
        """Return the filter; local times in it are in the zone of the installation.

        Raises:
            InvalidFilterError: it is none; says where.
        """
        now = whole.clock()
        return Filter(parse_filter(self.q, subject, now=now, zone=zone(whole.settings.timezone)), now)


class Selection(_Selection):
    """Which tasks or runs."""


class PageQuery(_Selection):
    """Which tasks or runs, and which page of them."""

    limit: int = Field(default=100, ge=1, le=500, description="How many to return at most.")
    cursor: str | None = Field(default=None, max_length=1_000, description="`next` of the page before.")


def page(
    items: Iterator[Item], limit: int, shown: Callable[[Item], Any], mark: Callable[[Item], Any]
) -> dict[str, Any]:
    """Return the next items as they are `shown`, and a cursor for the rest; `mark` is an item's place."""
    found = list(islice(items, limit + 1))
    more = None if len(found) <= limit else encoded(mark(found[limit - 1]))
    return {"items": [shown(one) for one in found[:limit]], "next": more}


def links(parameter: str, pointer: str, *operations: str) -> dict[str, Any]:
    """Return the declaration of what can be done with what was made, for OpenAPI, by operation ids."""
    given = {parameter: f"$response.body#/{pointer}"}
    return {"links": {one: {"operationId": one, "parameters": given} for one in operations}}


def encoded(mark: Any) -> str:  # noqa: ANN401  # JSON
    """Return a place in a list as a cursor."""
    return urlsafe_b64encode(json.dumps(mark).encode()).decode()


def decoded(cursor: str | None, kinds: Iterable[type]) -> Any:  # noqa: ANN401
    """Return the place that a cursor stands for, a list of values of these kinds; None for the beginning.

    Raises:
        RequestError: it is no cursor of ours.
    """
    if cursor is None:
        return None
    try:
        found = json.loads(urlsafe_b64decode(cursor.encode()))
        if isinstance(found, list) and [type(one) for one in found] == list(kinds):
            return found
    except (ValueError, Error, RecursionError):
        pass
    raise RequestError(422, "invalid_cursor", "this is no `next` of a page; leave it out to begin", "cursor")
