"""Task files that plans are made of, and what is registered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.stage.command_line import mc

if TYPE_CHECKING:
    from pathlib import Path

DAILY: dict[str, Any] = {
    "schedule": {"type": "daily", "time": "09:00", "timezone": "UTC"},
    "handler": "handlers.hello.run",
}
TEA, CAKE = {"id": "tea", **DAILY}, {"id": "cake", **DAILY, "priority": 2}


def write(file: Path, *tasks: dict[str, Any], **sections: Any) -> str:
    file.write_text(json.dumps({**sections, "tasks": tasks}))
    return str(file)


def registered() -> list[str]:
    return [one["id"] for one in mc("task", "list", "--all", "--json").json]
