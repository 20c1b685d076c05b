from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mission_control.installation.installation import Installation, current_installation
from tests.samples.built_in_handlers import built_in_handlers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _in_berlin(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("MISSION_CONTROL_TIMEZONE", "Europe/Berlin")


@pytest.fixture
def handler(installation: Installation) -> Iterator[Callable[[str], Any]]:
    """Load a handler that works for `installation`."""
    assert installation is current_installation()
    with built_in_handlers() as handlers:
        yield handlers.__getitem__
