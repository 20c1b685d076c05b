"""Requests checked and turned into runs, before anything is entered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from ulid import ULID

from mission_control.dispatch.run_options import (
    NO_OPTIONS,
    RunOptions,
    bad_argument,
    check_key,
    checked_params,
    debounce_of,
    due_time,
    fingerprint,
    limit_uses,
    route_problems,
    span,
)
from mission_control.errors import InvalidTaskError, UnknownTaskError
from mission_control.ledger.run_requests import Delivery, RunRequest, Window
from mission_control.model.policies.overlap import Debounce
from mission_control.model.problems.messages import shown
from mission_control.model.problems.suggestions import quoted
from mission_control.model.runs.new_run import ad_hoc_run, manual_run
from mission_control.model.runs.run_record import RunRecord, json_text
from mission_control.model.values.identifiers import manual_execution_id, task_id_problem
from mission_control.registry.registry import Registry

_HANDLER_PREFIX: Final = "handlers."


class PreparedRun(NamedTuple):
    """What requests have in common that differ in their params and keys only.

    `run` has no id of its own, and the params of its task. `delivery` says by the id of a run how its
    message is sent in the step that enters it; None if it is sent afterwards.
    """

    run: RunRecord
    options: RunOptions
    request: RunRequest
    delivery: Callable[[str], Delivery] | None
    debounce: Debounce | None


class CheckedRequest(NamedTuple):
    """A request that is ready to be entered; `params` are those that the caller gave."""

    prepared: PreparedRun
    request: RunRequest
    params: dict[str, Any] | None

    @property
    def run(self) -> RunRecord:
        """The run as it will be."""
        common, given = self.prepared.run, {} if self.params is None else self.params
        execution_id = self.request.execution_id
        return replace(common, execution_id=execution_id, params={**common.params, **given})


@dataclass(frozen=True)
class RunPreparation:
    """Checks requests; bare handlers run on `default_queue`.

    `delivery_of` says how the message of a run that is due is sent, as in `PreparedRun`.
    """

    registry: Registry
    default_queue: str
    clock: Callable[[], datetime]
    delivery_of: Callable[[RunRecord], Callable[[str], Delivery] | None]

    def prepared(
        self,
        name: str,
        options: RunOptions,
        *,
        window_ends: datetime | None = None,
        looks_up: bool = True,
    ) -> PreparedRun:
        """Return what the requests for a task or handler with some options have in common.

        `window_ends` is when the window of a debounced request ends, if it is known. Unless it `looks_up`
        the task, what is known of it is taken, and the request finds out whether that still holds.

        Raises:
            InvalidTaskError: no such handler, or an option cannot be used.
            UnknownTaskError: no task has that id.
        """
        now = self.clock()
        debounce = _debounce(options)
        due = due_time(now, options.at, options.delay, self.registry.check.default_timezone)
        if debounce is not None and debounce.edge == "trailing":
            due = debounce.ends_at(now, now) if window_ends is None else window_ends
        if problems := route_problems(options.queue, options.priority, options.overlap):
            raise InvalidTaskError(problems, subject="enqueue")
        known = None if looks_up else self._known_run(name, due, now)
        run, entry = self._run(name, due, now) if known is None else known
        prepared = self._of_run(_with_options(run, options), options, debounce)
        return (
            prepared if entry is None else prepared._replace(request=prepared.request._replace(entry=entry))
        )

    def of_occurrence(self, task_id: str, scheduled_time: datetime) -> PreparedRun:
        """Return a manual run in the place of an occurrence; as `prepared` otherwise."""
        found = self.prepared(task_id, NO_OPTIONS)
        prepared = self._of_run(replace(found.run, scheduled_time=scheduled_time), NO_OPTIONS, None)
        return prepared._replace(request=prepared.request._replace(entry=found.request.entry))

    def checked(
        self,
        prepared: PreparedRun,
        params: Mapping[str, Any] | None,
        idempotency_key: str | None = None,
        *,
        takes_over: str = "",
    ) -> CheckedRequest:
        """Return a request with its params, ready to be entered as a new run, or as one that it `takes_over`.

        Raises:
            InvalidTaskError: an argument cannot be used, or two exclude each other.
        """
        given = None if params is None else checked_params(params)
        run, request = prepared.run, prepared.request
        execution_id = takes_over or manual_execution_id(run.task_id, str(ULID()))
        spec = {**request.spec, "execution_id": execution_id}
        if given:
            spec["params"] = json_text({**run.params, **given})
        key = _checked_key(prepared, idempotency_key)
        request = request._replace(
            execution_id=execution_id,
            spec=spec,
            idempotency_key=key,
            fingerprint=fingerprint(given) if key else "",
            delivery=None if prepared.delivery is None else prepared.delivery(execution_id),
        )
        if takes_over and request.window is not None:
            request = request._replace(window=request.window._replace(takes_over=takes_over))
        one = CheckedRequest(prepared, request, given)
        is_own = prepared.options.limits is None
        check = self.registry.check.limit_problems
        if run.limits and (problems := check(run.limits, one.run.params, may_be_gone=is_own)):
            raise InvalidTaskError(problems, subject="enqueue")
        return one

    def _of_run(self, run: RunRecord, options: RunOptions, debounce: Debounce | None) -> PreparedRun:
        request = RunRequest.of(run)
        delivery: Callable[[str], Delivery] | None = None
        if debounce is not None:
            seconds = debounce.delay.total_seconds(), debounce.max_delay.total_seconds()
            request = request._replace(window=Window(debounce.key, debounce.edge, *seconds))
        if run.scheduled_time <= run.dispatched_at:
            delivery = self.delivery_of(run)
        elif debounce is not None:  # beat sends it by its id
            delivery = partial(_parked, request.due_at)
        return PreparedRun(run, options, request, delivery, debounce)

    def _run(self, name: str, due: datetime, now: datetime) -> tuple[RunRecord, tuple[str, str] | None]:
        if not isinstance(name, str):
            raise bad_argument(
                "task_id_or_handler", f"{shown(name)} is neither the id of a task nor the path of a handler"
            )
        task = self.registry.runnable.load(name) if task_id_problem(name) is None else None
        if task is not None:
            return self._known_run(name, due, now) or (manual_run(task, ulid="", at=due, now=now), None)
        if not name.startswith(_HANDLER_PREFIX) or task_id_problem(name) is not None:
            raise UnknownTaskError(
                f"no task has the id {quoted(name)}; see `mission-control task list`, or name a handler"
            )
        problem = self.registry.check.handler_problem(name)
        if problem is not None:
            raise bad_argument("handler", problem)
        return self._handler_run(name, due, now), None

    def _handler_run(self, name: str, due: datetime, now: datetime) -> RunRecord:
        return ad_hoc_run(name, {}, ulid="", at=due, now=now, queue=self.default_queue)

    def _known_run(
        self, name: object, due: datetime, now: datetime
    ) -> tuple[RunRecord, tuple[str, str]] | None:
        """Return a run made of what is known here, and the entry that its task should have."""
        if not isinstance(name, str):
            return None
        tasks = self.registry.runnable
        known = tasks.known(name)
        if known is not None:
            run = manual_run(known.task, ulid="", at=due, now=now)
            return run, (tasks.entry_key(name), known.digest)
        if not name.startswith(_HANDLER_PREFIX) or self.registry.check.catalog.problem(name) is not None:
            return None
        return self._handler_run(name, due, now), (tasks.entry_key(name), "")


def _parked(release_at: float, _execution_id: str) -> Delivery:
    return Delivery("", "", release_at)


def _debounce(options: RunOptions) -> Debounce | None:
    if options.debounce is None:
        return None
    if options.at is not None or options.delay is not None:
        raise bad_argument("debounce", "it says when the run is due; leave out at and delay")
    return debounce_of(options.debounce)


def _with_options(run: RunRecord, options: RunOptions) -> RunRecord:
    if options == NO_OPTIONS:
        return run
    expires = options.expires
    expires_at = None if expires is None else run.scheduled_time + span("expires", expires, may_be_zero=False)
    overlaps = run.overlaps or None if options.overlap is None else options.overlap == "allow" or None
    return replace(
        run,
        queue=run.queue if options.queue is None else options.queue,
        priority=run.priority if options.priority is None else options.priority,
        expires_at=run.expires_at if expires_at is None else expires_at,
        overlaps=overlaps,
        limits=run.limits if options.limits is None else limit_uses(options.limits),
    )


def _checked_key(prepared: PreparedRun, key: str | None) -> str:
    if key is None:
        return ""
    check_key(key)
    if prepared.debounce is not None:
        raise bad_argument(
            "debounce", "it decides itself which requests share a run; leave out idempotency_key"
        )
    return key
