"""Turning any value into one that JSON can say: handlers return what they like.

Nothing here raises for what it is given. What JSON has no word for is replaced by text: NaN, integers
beyond 64 bits, bytes, cycles, structures too deep or too large, objects.
"""

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mission_control.model.values.instants import format_instant

DEEPEST = 32
MOST_ITEMS = 10_000
"""How many values of a structure are kept, counted over all its levels."""

_LONGEST_REPRESENTATION = 1_000
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_INTEGERS = range(-(2**63), 2**64)


def json_ready(value: object) -> Any:  # noqa: ANN401  # a JSON value has no narrower type
    """Return `value` in dicts with text keys, lists, text, numbers, booleans and None.

    >>> json_ready({1: {"a"}, "x": float("nan")})
    {'1': ['a'], 'x': 'NaN'}
    """
    return _Walk().visit(value, 0)


@dataclass(slots=True)
class _Walk:
    left: int = MOST_ITEMS
    inside: set[int] = field(default_factory=set)

    def visit(self, value: object, depth: int) -> Any:  # noqa: ANN401  # see json_ready
        self.left -= 1
        if isinstance(value, str | int) or value is None:  # most values; a mapping is found more slowly
            return _scalar(value)
        if isinstance(value, dict | Mapping | list | tuple | AbstractSet):
            return self._container(value, depth)
        return _scalar(value)

    def _container(
        self, value: Mapping[Any, Any] | list[Any] | tuple[Any, ...] | AbstractSet[Any], depth: int
    ) -> Any:  # noqa: ANN401
        if id(value) in self.inside:
            return "(a cycle: it contains itself)"
        if depth >= DEEPEST:
            return f"(cut: more than {DEEPEST} levels deep)"
        self.inside.add(id(value))
        try:
            return self._mapping(value, depth) if isinstance(value, Mapping) else self._list(value, depth)
        except Exception as error:  # noqa: BLE001  # a handler's own class of mapping may do anything
            return f"(unreadable {type(value).__name__}: {type(error).__name__})"
        finally:
            self.inside.discard(id(value))

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        ready: dict[str, Any] = {}
        for key, item in value.items():
            if self.left <= 0:
                ready["…"] = f"(cut: {len(value)} entries)"
                break
            ready[key_text(key)] = self.visit(item, depth + 1)
        return ready

    def _list(self, value: list[Any] | tuple[Any, ...] | AbstractSet[Any], depth: int) -> list[Any]:
        ready: list[Any] = []
        for item in value:
            if self.left <= 0:
                ready.append(f"(cut: {len(value)} entries)")
                break
            ready.append(self.visit(item, depth + 1))
        return ready


def key_text(key: object) -> str:
    """Return the text that stands for a mapping's key in JSON."""
    return str(key).lower() if isinstance(key, bool) else str(_scalar(key))


def without_surrogates(text: str) -> str:
    r"""Return `text` with each lone surrogate, which UTF-8 cannot hold, written as `\udc80`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace").decode()
    return text


def _scalar(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return without_surrogates(str.__str__(value))
    if isinstance(value, int):
        return int(value) if int(value) in _INTEGERS else _large(int(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _NOT_FINITE[str(float(value))]
    return _described(value)


def _large(value: int) -> str:
    # Python refuses to write out integers of thousands of digits; hexadecimal is never refused.
    return str(value) if value.bit_length() < 1_024 else f"(an integer of {value.bit_length()} bits)"  # noqa: PLR2004


def _described(value: object) -> str:
    try:
        return without_surrogates(_words(value))[:_LONGEST_REPRESENTATION]
    except Exception as error:  # noqa: BLE001  # any object's __str__ may do anything
        return f"(unprintable {type(value).__name__}: {type(error).__name__})"


def _words(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return format_instant(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value[:_LONGEST_REPRESENTATION]).decode(errors="backslashreplace")
    return str(value)
