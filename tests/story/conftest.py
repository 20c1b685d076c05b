"""The story's tests run on a real Redis; nothing in them is simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


@pytest.fixture(autouse=True)
def _clean_installation(installation: Installation) -> None:
    """Give each test an installation of its own."""
