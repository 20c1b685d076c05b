"""A handler that does nothing but count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.marks import mark

if TYPE_CHECKING:
    from collections.abc import Mapping


def run(_context: Mapping[str, Any]) -> dict[str, Any]:
    """Count this run."""
    mark()
    return {"status": "success", "output": None, "error": None}
