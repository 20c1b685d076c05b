from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.samples.built_in_handlers import built_in_handlers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _may_call_this_machine(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("MISSION_CONTROL_OUTBOUND_ALLOW", "127.0.0.1")


@pytest.fixture
def handler() -> Iterator[Callable[[str], Any]]:
    with built_in_handlers() as handlers:
        yield handlers.__getitem__
