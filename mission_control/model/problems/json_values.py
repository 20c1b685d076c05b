"""Bounds on what a definition may hold, checked before everything else."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.problems.suggestions import quoted

DEEPEST_LEVEL = 64
MOST_VALUES = 100_000
LARGEST_PARAMS_BYTES = 256 * 1024
# Redis, Lua and other readers of JSON keep larger integers inexactly.
_INTEGER_BITS = 63
_LONGEST_KEY = 40
# Exactly these types: a subclass (an enum, say) would not come back as it was.
_JSON_TYPES = frozenset({str, int, float, bool, type(None), dict, list})


def structure_problems(data: Mapping[str, object]) -> list[Problem]:
    """Return why `data` cannot be a definition: too deep, too large, or not valid text.

    The walk is iterative and bounded, so that it ends even with hostile nesting and cycles.

    >>> structure_problems({"id": "a", "params": {"n": 2**70}})
    [Problem(path='params.n', message='an integer of more than 64 bits; write it as text')]
    """
    problems = []
    for count, (path, level, value) in enumerate(_walk(data)):
        if count >= MOST_VALUES:
            return [Problem("", f"has more than {MOST_VALUES:,} values; make it smaller")]
        if level > DEEPEST_LEVEL:
            return [Problem("", f"is nested more than {DEEPEST_LEVEL} levels deep; use fewer levels")]
        fault = _structural_fault(value)
        if fault is not None:
            problems.append(Problem(path, fault))
    return problems


def json_copy(params: Mapping[str, object]) -> dict[str, Any]:
    """Return a copy of a task's params as JSON would give them back.

    The params must have passed `structure_problems`.

    Raises:
        InvalidTaskError: lists the values that JSON cannot hold, or says that the params are too large.
            Values are named by place and type only, because params may hold secrets.

    >>> json_copy({"ratio": 0.5, "cities": ["Berlin"]})
    {'ratio': 0.5, 'cities': ['Berlin']}
    """
    faults = ((path, _json_fault(value)) for path, _, value in _walk(params))
    problems = [Problem(path, fault) for path, fault in faults if fault is not None]
    if problems:
        raise InvalidTaskError(problems, subject="params")
    encoded = orjson.dumps(params)
    if len(encoded) > LARGEST_PARAMS_BYTES:
        raise InvalidTaskError([Problem("", _too_large(len(encoded)))], subject="params")
    copy: dict[str, Any] = orjson.loads(encoded)
    return copy


def key_in_path(path: str, key: object) -> str:
    """Return the path of the value under `key` in the object at `path`.

    >>> key_in_path("params", "city")
    'params.city'
    """
    plain = isinstance(key, str) and key.isprintable() and 0 < len(key) <= _LONGEST_KEY
    name = key if plain else quoted(key if not isinstance(key, str) else key[:_LONGEST_KEY])
    return f"{path}.{name}" if path else f"{name}"


def _walk(data: object) -> Iterator[tuple[str, int, object]]:
    """Yield every value in `data` with its path and level, parents before children."""
    waiting: list[Iterator[tuple[str, int, object]]] = [iter([("", 0, data)])]
    while waiting:
        current = next(waiting[-1], None)
        if current is None:
            waiting.pop()
            continue
        yield current
        waiting.append(_children(*current))


def _children(path: str, level: int, value: object) -> Iterator[tuple[str, int, object]]:
    if isinstance(value, dict):
        return ((key_in_path(path, key), level + 1, one) for key, one in value.items())
    if isinstance(value, list | tuple):
        return ((f"{path}[{at}]", level + 1, one) for at, one in enumerate(value))
    return iter(())


def _structural_fault(value: object) -> str | None:
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        return "an integer of more than 64 bits; write it as text"
    if isinstance(value, str) and not _is_unicode(value):
        return f"{quoted(value)} is not valid Unicode text (half of a surrogate pair); remove that character"
    if isinstance(value, dict) and not all(isinstance(key, str) and _is_unicode(key) for key in value):
        return "has a key that is not valid text; write all keys as text"
    return None


def _json_fault(value: object) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a number that JSON can hold; use a finite one, or null"
    if type(value) in _JSON_TYPES:
        return None
    return f"a {type(value).__name__} is not JSON; use text, numbers, true, false, null, lists and objects"


def _too_large(size: int) -> str:
    kibibytes = LARGEST_PARAMS_BYTES // 1024
    return f"{size:,} bytes as JSON; at most {kibibytes} KiB are allowed, so pass the path of a file instead"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
