"""Importing handlers: only what the catalogue found, under the package name `handlers`."""

import importlib
import inspect
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FunctionType, ModuleType

from mission_control.errors import HandlerError
from mission_control.handler_catalog.catalog import HandlerSource

PACKAGE = "handlers"


def open_handler_package(directories: Sequence[Path]) -> None:
    """Make `handlers` a package over the handler directories, so that handlers can import each other.

    Modules of it that were imported before are forgotten.
    """
    for name in [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    package = ModuleType(PACKAGE, "The handlers of this installation.")
    package.__path__ = [str(directory) for directory in directories]
    sys.modules[PACKAGE] = package


def load_handler(source: HandlerSource) -> FunctionType:
    """Import a handler's module and return the function.

    Raises:
        HandlerError: the module does not import, or holds something else under that name than a
            function defined in that very file.
    """
    if source.problem is not None:
        raise HandlerError(source.problem)
    module_name, _, function_name = source.path.rpartition(".")
    # Compiled modules are code as well: with a umask of zero every user could write their folder.
    umask = os.umask(0o077)
    os.umask(umask | 0o022)
    try:
        module = importlib.import_module(module_name)
    except BaseException as error:  # a module may raise SystemExit as it is imported
        if isinstance(error, KeyboardInterrupt):
            raise
        raise HandlerError(f"{source.file} does not import: {type(error).__name__}: {error}") from error
    finally:
        os.umask(umask)
    return _checked(source, getattr(module, function_name, None))


def _checked(source: HandlerSource, found: object) -> FunctionType:
    function = inspect.unwrap(found) if callable(found) else found
    if not isinstance(function, FunctionType) or not isinstance(found, FunctionType):
        raise HandlerError(f"{source.path} is no function once {source.file} is imported")
    if Path(function.__code__.co_filename).resolve() != source.file.resolve():
        raise HandlerError(f"{source.path} is defined elsewhere than in {source.file}")
    return found
