"""The parts of the installation that routes ask for, each by its own name.

```
@router.get("/tasks/{task_id}")
def show(task_id: str, registry: Tasks) -> dict[str, Any]:
```
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from redis import Redis

from mission_control.installation.installation import Installation
from mission_control.ledger.ledger import Ledger
from mission_control.registry.registry import Registry


def _part(name: str) -> Any:  # noqa: ANN401  # FastAPI's marker
    async def part(request: Request) -> object:  # not a `def`: that would take a thread
        return getattr(request.app.state.installation, name)

    return Depends(part)


def _clock_reading() -> Callable[[Request], Awaitable[datetime]]:
    async def now(request: Request) -> datetime:
        moment: datetime = request.app.state.installation.clock()
        return moment

    return now


async def _whole(request: Request) -> Installation:
    installation: Installation = request.app.state.installation
    return installation


Client = Annotated[Redis, _part("client")]
Tasks = Annotated[Registry, _part("registry")]
Runs = Annotated[Ledger, _part("ledger")]
Now = Annotated[datetime, Depends(_clock_reading())]
Whole = Annotated[Installation, Depends(_whole)]
"""For routes that build what asks for many parts, as `asking(installation)` does."""
