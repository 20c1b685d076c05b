from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.handler_catalog import HandlerCatalog
from workers.handler_loader import PACKAGE, load_handler, open_handler_package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUILT_IN = Path(__file__).parents[3] / "workers" / "handlers"

Handler = Any


@pytest.fixture
def handler() -> Iterator[Callable[[str], Handler]]:
    """Load a built-in handler the way a worker does, and forget it afterwards."""
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == PACKAGE}
    open_handler_package([BUILT_IN])
    catalog = HandlerCatalog([BUILT_IN]).handlers()
    yield lambda path: load_handler(catalog[path])
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]
    sys.modules.update(before)
