from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.samples.built_in_handlers import built_in_handlers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def handler() -> Iterator[Callable[[str], Any]]:
    with built_in_handlers() as handlers:
        yield handlers.__getitem__
