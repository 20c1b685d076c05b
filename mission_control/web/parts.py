"""The parts of the installation that routes ask for, each by its own name.

```
@router.get("/tasks/{task_id:id}")
def show(task_id: str, registry: Tasks) -> dict[str, Any]:
```
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from redis import Redis

from mission_control.installation.installation import Installation
from mission_control.ledger.ledger import Ledger
from mission_control.registry.registry import Registry
from mission_control.web import paths as _paths  # noqa: F401  # the kind `id` of variables of routes


def _part(name: str) -> Any:  # noqa: ANN401  # FastAPI's marker
    async def part(request: Request) -> object:  # not a `def`: that would take a thread
        return getattr(_installation(request), name)

    return Depends(part)


async def _now(request: Request) -> datetime:
    return _installation(request).clock()


async def _whole(request: Request) -> Installation:
    return _installation(request)


def _installation(request: Request) -> Installation:
    """Return the installation in which the caller acts, or if none is known the server's own."""
    found: Installation = getattr(request.state, "installation", request.app.state.installation)
    return found


Client = Annotated[Redis, _part("client")]
Tasks = Annotated[Registry, _part("registry")]
Runs = Annotated[Ledger, _part("ledger")]
Now = Annotated[datetime, Depends(_now)]
Whole = Annotated[Installation, Depends(_whole)]
"""For routes that build what asks for many parts, as `asking(installation)` does."""
