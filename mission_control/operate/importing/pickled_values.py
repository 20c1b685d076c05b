"""What a pickle describes: times and time zones as they are, anything else as a `Called`, without its code.

Whatever a pickle names is taken as a text: nothing is imported, and nothing but the functions here is called.
"""

import io
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from zoneinfo import ZoneInfo

from mission_control.operate.importing.imported import UnmappableError
from mission_control.operate.importing.python_source import Called

_VALUES: Final[dict[str, Any]] = {
    "datetime.datetime": datetime,
    "datetime.timedelta": timedelta,
    "datetime.timezone": timezone,
    "zoneinfo.ZoneInfo._unpickle": lambda key, _: ZoneInfo(key),
}


class _Named:
    """What a pickle names by a path, as a class that stands for it: made or called, it is a value."""

    path = ""

    def __new__(cls, *args: Any) -> Any:  # noqa: ANN401
        if cls.path == "builtins.getattr":
            return _named(f"{args[0].path}.{args[1]}")
        make = _VALUES.get(cls.path)
        return _Object(cls.path.rpartition(".")[2], [*args], {}) if make is None else make(*args)


class _Object(Called):
    """An object or the result of a call; the attributes of the object are its `kwargs`."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.kwargs.update(state)


class _Reader(pickle._Unpickler):  # noqa: SLF001  # that in C lets a few bytes ask for all memory
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        return _named(f"{module}.{name}")


def _named(path: str) -> type[_Named]:
    return type("Named", (_Named,), {"path": path})


def pickled_value(content: bytes) -> Any:  # noqa: ANN401  # whatever it describes
    """Return what a pickle describes.

    Raises:
        UnmappableError: it is damaged, or has what is not read here.
    """
    try:
        found = _Reader(io.BytesIO(content)).load()
    except (pickle.UnpicklingError, ValueError, LookupError, TypeError, AttributeError, EOFError) as error:
        raise UnmappableError("has a value that is pickled in a form that is not read") from error
    if isinstance(found, type):
        raise UnmappableError("has a pickled name in the place of a value")
    return found
