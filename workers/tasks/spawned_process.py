"""The main module of the processes that a handler spawns with `multiprocessing`.

Such a process starts empty and imports functions by name. Python alone would not find the package of the
handlers.
"""

import sys
from importlib.util import find_spec

from mission_control.configuration.settings import read_settings
from mission_control.handler_catalog.catalog import catalog_from
from workers.tasks.handler_loader import open_handler_package


def begin_spawned_processes_here(**_: object) -> None:
    """Have the processes that this one spawns run this module first, instead of its own main module."""
    sys.modules["__main__"].__spec__ = find_spec(__name__)


if __name__ == "__mp_main__":
    open_handler_package(catalog_from(read_settings().handlers).usable_directories())
