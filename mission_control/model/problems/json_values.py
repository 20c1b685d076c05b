"""Bounds on what a definition may hold, and Python's own types in it, before everything else is checked."""

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.problems.secret_references import MASK, has_mask, reference_in, reference_problem
from mission_control.model.problems.suggestions import quoted

DEEPEST_LEVEL = 64
MOST_VALUES = 100_000
LARGEST_PARAMS_BYTES = 256 * 1024
# Redis, Lua and other readers of JSON keep larger integers inexactly.
_INTEGER_BITS = 63
_LONGEST_KEY = 40
# Exactly these types: a subclass (an enum, say) would not come back as it was.
_JSON_TYPES = frozenset({str, int, float, bool, type(None), dict, list})


def plain_definition(data: Mapping[str, object]) -> dict[str, Any]:
    """Return a copy of a definition in which Python's own types are written as JSON has them.

    Any mapping becomes an object and a tuple a list; outside the params, a date, time or datetime becomes
    text, a zone its name, and a timedelta in a field of seconds their number.

    Raises:
        InvalidTaskError: the data are too deep or too large, or contain what is no valid text or number.

    >>> plain_definition({"schedule": {"time": dt.time(9), "timezone": ZoneInfo("Asia/Tokyo")}})
    {'schedule': {'time': '09:00:00', 'timezone': 'Asia/Tokyo'}}
    """
    copying = _Copying()
    copy: dict[str, Any] = copying.copy(data, (), is_params=False)
    if copying.problems:
        raise InvalidTaskError(copying.problems)
    return copy


def json_copy(params: Mapping[str, object]) -> dict[str, Any]:
    """Return a copy of a task's params as JSON would give them back.

    Raises:
        InvalidTaskError: lists the values that JSON cannot hold, or says that the params are too large.
            Values are named by place and type only, because params may hold secrets.

    >>> json_copy({"ratio": 0.5, "cities": ("Berlin",)})
    {'ratio': 0.5, 'cities': ['Berlin']}
    """
    copying = _Copying(is_params=True)
    copy: dict[str, Any] = copying.copy(params, (), is_params=True)
    if copying.problems:
        raise InvalidTaskError(copying.problems, subject="params")
    size = len(orjson.dumps(copy))
    if size > LARGEST_PARAMS_BYTES:
        bound = f"at most {LARGEST_PARAMS_BYTES // 1024} KiB are allowed, so pass the path of a file instead"
        raise InvalidTaskError([Problem("", f"{size:,} bytes as JSON; {bound}")], subject="params")
    return copy


def key_in_path(path: str, key: object) -> str:
    """Return the path of the value under `key` in the object at `path`.

    >>> key_in_path("params", "city")
    'params.city'
    """
    plain = isinstance(key, str) and key.isprintable() and 0 < len(key) <= _LONGEST_KEY
    name = key if plain else quoted(key if not isinstance(key, str) else key[:_LONGEST_KEY])
    return f"{path}.{name}" if path else f"{name}"


@dataclass
class _Copying:
    """A walk through a value that ends even with hostile nesting and cycles."""

    is_params: bool = False
    values: int = 0
    problems: list[Problem] = field(default_factory=list)

    def copy(self, value: object, path: tuple[object, ...], *, is_params: bool) -> Any:  # noqa: ANN401
        self.values += 1
        if self.values > MOST_VALUES:
            raise InvalidTaskError([Problem("", f"has more than {MOST_VALUES:,} values; make it smaller")])
        if len(path) > DEEPEST_LEVEL:
            problem = Problem("", f"is nested more than {DEEPEST_LEVEL} levels deep; use fewer levels")
            raise InvalidTaskError([problem])
        fault = _fault(value) or (_json_fault(value) if self.is_params else None)
        if fault is not None or (is_params and path and (fault := _secret_fault(value)) is not None):
            self.problems.append(Problem(_in_words(path), fault))
        if isinstance(value, str | int):  # most values; a mapping is found more slowly
            return value
        if isinstance(value, dict | Mapping):
            in_params = is_params or path == ("params",)
            return {key: self.copy(one, (*path, key), is_params=in_params) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.copy(one, (*path, _At(at)), is_params=is_params) for at, one in enumerate(value)]
        return value if is_params else _as_json(value, _in_words(path))


class _At(int):
    """A place in a list."""


def _in_words(path: Iterable[object]) -> str:
    """Return where a value is; only faults are worth that."""
    return reduce(lambda to, one: f"{to}[{one}]" if isinstance(one, _At) else key_in_path(to, one), path, "")


def _as_json(value: object, path: str) -> object:
    if isinstance(value, dt.date | dt.time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, dt.timedelta) and path.endswith("seconds"):
        return value.total_seconds()
    return value.key if isinstance(value, ZoneInfo) and value.key else value


def _fault(value: object) -> str | None:
    if isinstance(value, str):
        if _is_unicode(value):
            return None
        return f"{quoted(value)} is not valid Unicode text (half of a surrogate pair); remove that character"
    if isinstance(value, int):
        is_large = value.bit_length() > _INTEGER_BITS
        return "an integer of more than 64 bits; write it as text" if is_large else None
    if isinstance(value, Mapping) and not all(isinstance(key, str) and _is_unicode(key) for key in value):
        return "has a key that is not valid text; write all keys as text"
    return None


def _json_fault(value: object) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a number that JSON can hold; use a finite one, or null"
    if type(value) in _JSON_TYPES or isinstance(value, Mapping | tuple):
        return None
    return f"a {type(value).__name__} is not JSON; use text, numbers, true, false, null, lists and objects"


def _secret_fault(value: object) -> str | None:
    if isinstance(value, str) and has_mask(value):
        return f"has {MASK}, which stands for a secret that was masked; write the value, or a reference to it"
    text = reference_in(value)
    return None if text is None else reference_problem(text)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
