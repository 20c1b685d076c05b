"""What a pickle describes, read without unpickling: nothing in it is imported, called or built.

Reads the opcodes (`pickletools`) of which pickles of datetimes, time zones and plain objects consist, and
refuses all others. A call stands as a `Called` with the name of what would be called; an object as one with
its attributes.
"""

import pickletools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from mission_control.operate.importing.imported import UnmappableError
from mission_control.operate.importing.python_source import Called

_MARK: Final = object()
_VALUES: Final = {
    *("SHORT_BINUNICODE", "BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("SHORT_BINBYTES", "BINBYTES"),
}
_CONSTANTS: Final[dict[str, Callable[[], Any]]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": list,
    "MARK": lambda: _MARK,
}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_SKIPPED: Final = {"PROTO", "FRAME", "STOP"}


def pickled_value(content: bytes) -> Any:  # noqa: ANN401  # whatever it describes
    """Return what a pickle describes.

    Raises:
        UnmappableError: it is damaged, or has what is not read here.
    """
    stack: list[Any] = []
    memo: list[Any] = []
    try:
        for opcode, arg, _ in pickletools.genops(content):
            _step(opcode.name, arg, stack, memo)
        (found,) = stack
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise UnmappableError("has a value that is pickled in a form that is not read") from error
    return found


def _step(name: str, arg: Any, stack: list[Any], memo: list[Any]) -> None:  # noqa: ANN401
    if name in _VALUES:
        stack.append(arg)
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name]())
    elif name == "MEMOIZE":
        memo.append(stack[-1])
    elif name in {"BINGET", "LONG_BINGET"}:
        stack.append(memo[arg])
    elif name in _TUPLES:
        stack.append([stack.pop() for _ in range(_TUPLES[name])][::-1])
    elif name == "TUPLE":
        stack.append(_marked(stack))
    elif name not in _SKIPPED:
        _combine(name, stack)


def _combine(name: str, stack: list[Any]) -> None:
    """Do a step that takes the value on top of the stack."""
    top = _marked(stack) if name in {"APPENDS", "SETITEMS"} else stack.pop()
    match name:
        case "STACK_GLOBAL":
            stack.append(f"{stack.pop()}.{top}")
        case "REDUCE" | "NEWOBJ":
            stack.append(_called(stack.pop(), top))
        case "BUILD":
            stack[-1].kwargs.update(top)
        case "APPEND":
            stack[-1].append(top)
        case "APPENDS":
            stack[-1].extend(top)
        case "SETITEM":
            stack[-2][stack.pop()] = top
        case "SETITEMS":
            stack[-1].update(zip(top[::2], top[1::2], strict=True))
        case _:
            raise ValueError(name)


def _marked(stack: list[Any]) -> list[Any]:
    at = len(stack) - 1 - stack[::-1].index(_MARK)
    found = stack[at + 1 :]
    del stack[at:]
    return found


def _called(path: str, args: list[Any]) -> Any:  # noqa: ANN401
    """Return what a call would: a time, a time zone or a duration; anything else as a `Called`."""
    match path, args:
        case "builtins.getattr", [owner, name]:
            return f"{owner}.{name}"
        case "zoneinfo.ZoneInfo._unpickle", [str(key), _]:
            return ZoneInfo(key)
        case "datetime.timedelta", [int(days), int(seconds), int(micros)]:
            return timedelta(days, seconds, micros)
        case "datetime.timezone", [timedelta() as offset]:
            return timezone(offset)
        case "datetime.datetime", [bytes(parts), *zone]:
            return _datetime(parts, zone)
    return Called(path.rpartition(".")[2], args, {})


def _datetime(parts: bytes, zone: list[Any]) -> datetime:
    """Return a datetime from the ten bytes of its pickle, see `datetime.__reduce_ex__`."""
    high, low, month, day, hour, minute, second = parts[:7]
    known: Iterator[tzinfo] = (one for one in zone if isinstance(one, tzinfo))
    micros, fold = int.from_bytes(parts[7:], "big"), month >> 7
    return datetime(
        high * 256 + low, month & 127, day, hour, minute, second, micros, next(known, None), fold=fold
    )
