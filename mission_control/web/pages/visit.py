"""A visit to a page: what its address says, and when and in which time zone it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.routing import compile_path

from mission_control.dispatch.run_control import existing_run
from mission_control.errors import GrantRefusedError, InvalidTaskError, Problem, UnknownTaskError
from mission_control.installation.installation import Installation
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.durations import parse_duration
from mission_control.model.values.instants import parse_instant
from mission_control.model.values.zones import zone
from mission_control.web.access.caller import Caller
from mission_control.web.paths import segment, unknown_name


@dataclass(frozen=True)
class Visit:
    """What a page is asked with. `path` are the variables of its address, `query` what follows the `?`.

    Without a `caller` it is by someone who may see all.
    """

    installation: Installation
    zone: ZoneInfo
    now: datetime
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    caller: Caller | None = None

    @cached_property
    def own(self) -> frozenset[str] | None:
        """The tasks that a caller who is limited to some may see; None for all."""
        caller = self.caller
        if caller is None or not caller.is_limited:
            return None
        tasks = self.installation.registry.readable()
        return frozenset(one.id for one in tasks if caller.has(one.owner, one.tags))

    def shows(self, task_id: str) -> bool:
        """Return whether the caller may see a task."""
        return self.own is None or task_id in self.own

    def require_own(self, task: TaskDefinition) -> None:
        """Refuse a definition by which a task would not be the caller's.

        Raises:
            GrantRefusedError: it would not.
        """
        if self.caller is not None:
            self.caller.require(task)

    def text(self, name: str, default: str = "") -> str:
        """Return a value of the query, without spaces around it."""
        return self.query.get(name, default).strip()

    def number(self, name: str, default: int, most: int) -> int:
        """Return a whole number of the query, at least 1.

        Raises:
            InvalidTaskError: it is none, or more than `most`.
        """
        text = self.text(name, str(default))
        if (
            not text.isascii()
            or not text.isdigit()
            or not 1 <= int(text[:9]) <= most
            or len(text) > len(str(most))
        ):
            raise wrong(name, f"{text[:40]!r} is no whole number from 1 to {most:,}")
        return int(text)

    def span(self, name: str, default: str) -> timedelta:
        """Return a span of time of the query, such as 24h, of at most 400 days.

        Raises:
            InvalidTaskError: it is none.
        """
        text = self.text(name, default)
        try:
            seconds = parse_duration(text)
        except ValueError as error:
            raise wrong(name, str(error)) from error
        if not 0 < seconds <= timedelta(days=400).total_seconds():
            raise wrong(name, f"{text[:40]!r} is not between 1s and 400d")
        return timedelta(seconds=seconds)

    def moment(self, name: str, default: datetime) -> datetime:
        """Return an instant of the query.

        Raises:
            InvalidTaskError: it is none.
        """
        text = self.text(name)
        try:
            return parse_instant(text) if text else default
        except ValueError as error:
            raise wrong(name, str(error)) from error

    def one_of(self, name: str, choices: Mapping[str, object] | tuple[str, ...]) -> str:
        """Return a value of the query that must be one of some, or empty.

        Raises:
            InvalidTaskError: it is none of them.
        """
        text = self.text(name)
        if text and text not in choices:
            raise wrong(name, f"{text[:40]!r} is none of {', '.join(choices)}")
        return text

    def link(self, **changes: object) -> str:
        """Return the query of this page with some values changed; None takes one away."""
        merged = {**self.query, **changes}
        return "?" + urlencode({name: one for name, one in merged.items() if one not in {None, ""}})


@dataclass(frozen=True)
class View:
    """A page: its address, its name, its template, and what reads all that it shows. It writes nothing.

    `query` are the names of what may follow the `?`; None for a form, which may have any.
    """

    address: str
    title: str
    template: str
    read: Callable[[Visit], dict[str, Any]]
    is_live: bool = True
    shows_some: bool = False
    query: tuple[str, ...] | None = ()

    def shown(self, visit: Visit) -> dict[str, Any]:
        """Return what it shows: to a caller who is limited to some tasks these alone, if it `shows_some`.

        Raises:
            UnknownTaskError: the task, or that of the run, is not theirs.
            GrantRefusedError: it is about the whole installation.
            InvalidTaskError: the query has a name that the page does not have.
        """
        for asked in visit.query if self.query is not None else ():
            if asked not in (self.query or ()):
                raise wrong(asked[:100], unknown_name(asked, self.query or ()))
        if visit.own is not None:
            task_id = visit.path.get("task_id", visit.text("task"))
            if name := visit.path.get("execution_id"):
                task_id = existing_run(visit.installation.ledger, name).task_id
            if task_id and not visit.shows(task_id):
                raise UnknownTaskError(f"no task of yours has the id {quoted(task_id)}")
            if not self.shows_some:
                raise GrantRefusedError(
                    f"{self.title} is about the whole installation, and yours are some of its tasks: "
                    "see Now, Tasks, Runs"
                )
        return self.read(visit)

    @property
    def route(self) -> str:
        """The address as a route has it."""
        return self.address.replace("}", ":id}")

    def at(self, visit: Visit) -> str:
        """Return the address of the page that a visit is to, with its query."""
        path = self.address.format(**{name: segment(one) for name, one in visit.path.items()})
        return path + (f"?{urlencode(visit.query)}" if visit.query and self.is_live else "")

    def matches(self, path: str) -> dict[str, str] | None:
        """Return the variables of a routed path, if it is this page's."""
        pattern, _, kinds = compile_path(self.route)
        found = pattern.match(path)
        return (
            None
            if found is None
            else {name: kinds[name].convert(one) for name, one in found.groupdict().items()}
        )


def visit_of(request: Request, installation: Installation) -> Visit:
    """Return the visit that a request makes; the time zone is that of the browser, if it has sent one."""
    named = request.cookies.get("mc_zone", "")
    try:
        here = zone(named) if named else zone(installation.settings.timezone)
    except ValueError:
        here = zone(installation.settings.timezone)
    path = {name: str(one) for name, one in request.path_params.items()}
    seen = request.cookies.get("mc_seen", "")
    last_visit = {"since": seen} if seen and request.url.path == "/" else {}
    query = {**last_visit, **request.query_params}
    return Visit(installation, here, installation.clock(), path, query, request.state.caller)


def wrong(name: str, message: str) -> InvalidTaskError:
    """Return the error for a field of an address or a form."""
    return InvalidTaskError(
        [Problem(name, message)], subject="this page was asked for something it cannot show"
    )
