"""The workers' code for loading and calling handlers, found by name so that the library imports no worker."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from mission_control.handler_catalog.catalog import HandlerCatalog, HandlerSource

_LOADER: Final = "workers.tasks.handler_loader"
_INVOCATION: Final = "workers.call.invocation"


def load(catalog: HandlerCatalog, source: HandlerSource) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Import a handler as a worker does.

    Raises:
        HandlerError: its module does not import, or it is not a handler.
    """
    loader = import_module(_LOADER)
    loader.open_handler_package(catalog.directories)
    handler: Callable[[dict[str, Any]], dict[str, Any]] = loader.load_handler(source)
    return handler


def invocation() -> Any:  # noqa: ANN401  # a module of another room
    """Return the module that builds a handler's context and judges its result."""
    return import_module(_INVOCATION)
