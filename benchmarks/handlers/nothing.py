"""A handler that does nothing but count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.marks import mark


def run(_context: Mapping[str, Any]) -> dict[str, Any]:
    """Count this run."""
    mark()
    return {"status": "success", "output": None, "error": None}
