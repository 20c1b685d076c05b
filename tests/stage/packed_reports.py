"""Reports on their way from a worker of pytest-xdist, in a form that is quick to write and to read."""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, dict[str, bytes]]:
    """Pack a report: each test sends three, and execnet writes value by value, in Python."""
    report = yield
    return {"packed": marshal.dumps(report)}


@pytest.hookimpl(wrapper=True)
def pytest_report_from_serializable(data: dict[str, Any]) -> Iterator[None]:
    """Unpack a report; both processes are of one Python, so what marshal writes, marshal reads."""
    data |= marshal.loads(data.pop("packed"))
    return (yield)
