"""What a route needs its caller to be permitted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from mission_control.dispatch.run_control import existing_run
from mission_control.errors import GrantRefusedError, UnknownTaskError
from mission_control.installation.installation import Installation
from mission_control.model.problems.suggestions import quoted
from mission_control.web.access.caller import Caller, Permission

Of = Literal["all", "one", "some"]


def needs(permission: Permission, *, of: Of = "one") -> Any:  # noqa: ANN401  # FastAPI's marker
    """Return the dependency of a route whose caller needs a permission.

    `of` says with which tasks:

    - `one`: the task `task_id`, or that of the run `execution_id`, of the path; no other exists for them.
    - `some`: their tasks; the route shows or changes no other, by `Caller.has`.
    - `all`: all tasks, so that callers who are limited to some are refused.

    Raises:
        GrantRefusedError: it is not permitted; recorded.
        UnknownTaskError: the task is not theirs.
    """

    async def check(request: Request) -> None:
        caller: Caller = request.state.caller
        path = request.path_params
        name = str(path.get("task_id", path.get("execution_id", "*")))
        with recorded(request, name):
            if not caller.may(permission):
                raise GrantRefusedError(f"{caller.name} is not permitted to {permission}")
            if caller.is_limited and of == "all":
                raise GrantRefusedError(f"{caller.name} may see and change some tasks only")
        if caller.is_limited and of == "one":
            await run_in_threadpool(_check_task, request, caller)

    return Depends(check)


@contextmanager
def recorded(request: Request, task_id: str) -> Iterator[None]:
    """Record a refusal that is raised inside."""
    try:
        yield
    except GrantRefusedError as error:
        request.state.refusals.known(request.state.caller.name, task_id, str(error))
        raise


def _check_task(request: Request, caller: Caller) -> None:
    installation: Installation = request.state.installation
    path = request.path_params
    task_id = path.get("task_id")
    if task_id is None:
        task_id = existing_run(installation.ledger, path["execution_id"]).task_id
    if not tasks_of(installation, caller, [task_id]):
        raise UnknownTaskError(f"no task of yours has the id {quoted(task_id)}")


def tasks_of(installation: Installation, caller: Caller, task_ids: list[str]) -> set[str]:
    """Return those of the tasks that are the caller's."""
    return {one.id for one in installation.registry.some(task_ids) if caller.has(one.owner, one.tags)}


async def _calling(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


Calling = Annotated[Caller, Depends(_calling)]
