"""Free space on a disk."""

# ruff: noqa: INP001  # handlers are files in a directory, not a package
from __future__ import annotations

import shutil
from typing import Any

GIB = 1024**3


def run(context: dict[str, Any]) -> dict[str, Any]:
    """Fail if less than `params.least_percent` (10) of the disk that holds `params.path` (/) is free."""
    params = context["params"]
    path, least = params.get("path", "/"), params.get("least_percent", 10)
    usage = shutil.disk_usage(path)
    percent = 100 * usage.free / usage.total
    output = f"{percent:.0f} % of {usage.total / GIB:.1f} GiB at {path} are free"
    if percent < least:
        return {"status": "failure", "output": output, "error": f"{output}, less than {least} %"}
    return {"status": "success", "output": output, "error": None}
