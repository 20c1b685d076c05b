"""Built-in handlers for tests, loaded the way a worker does."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mission_control.handler_catalog.catalog import HandlerCatalog
from workers.tasks.handler_loader import PACKAGE, load_handler, open_handler_package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FunctionType

DIRECTORY = Path(__file__).parents[2] / "workers" / "handlers"


@contextmanager
def built_in_handlers() -> Iterator[dict[str, FunctionType]]:
    """Yield every built-in handler by its path; the modules are forgotten afterwards."""
    before = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    open_handler_package([DIRECTORY])
    sources = HandlerCatalog([DIRECTORY]).handlers()
    yield {path: load_handler(source) for path, source in sources.items()}
    for name in [name for name in sys.modules if _is_ours(name)]:
        del sys.modules[name]
    sys.modules.update(before)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE
