"""What changed between two versions of a task definition, field by field."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from mission_control.audit.record.json_ready import json_ready
from mission_control.audit.record.masked_values import is_hidden, marks_of, masked_value
from mission_control.audit.record.masking import NAME_LIMIT, clean_text, clean_value
from mission_control.model.problems.secret_references import MASK

VALUE_LIMIT = 2_048
MOST_FIELDS = 256

_MARKS = ("secret",)
"""The field that names the secret params: it has none of them."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


def difference(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """Return `{path: {"from": …, "to": …}}` for every field that differs; None stands for no definition.

    Mappings are followed into (`schedule.time`), lists are compared whole, and a field that is absent
    counts as None. Values are masked and bounded: a changed password shows that it changed, not what to.
    Beyond 256 fields the entry `…` tells how many more there are.

    >>> difference({"schedule": {"time": "09:00"}}, {"schedule": {"time": "10:00"}})
    {'schedule.time': {'from': '09:00', 'to': '10:00'}}
    """
    old, new = _fields(before), _fields(after)
    marked = marks_of(before) | marks_of(after)
    changed = [path for path in old | new if _differs(old.get(path), new.get(path))]
    shown = {
        _name(path): {
            "from": _shown(path, old.get(path), marked),
            "to": _shown(path, new.get(path), marked),
        }
        for path in changed[:MOST_FIELDS]
    }
    if len(changed) > MOST_FIELDS:
        shown["…"] = {"from": None, "to": f"{len(changed) - MOST_FIELDS} more fields"}
    return shown


@lru_cache(maxsize=1_024)
def _name(path: tuple[str, ...]) -> str:
    return clean_text(".".join(path), NAME_LIMIT)


def _fields(definition: Mapping[str, Any] | None) -> dict[tuple[str, ...], Any]:
    ready = json_ready(definition) if definition is not None else {}
    return dict(_leaves(ready, ()))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401  # JSON
    if not isinstance(value, dict):
        yield path, value
        return
    for key, item in value.items():
        # A key that is not a plain word is quoted, so that `a.b` differs from `b` inside `a`.
        yield from _leaves(item, (*path, key if _PLAIN_KEY.fullmatch(key) else f'"{key}"'))


def _differs(old: object, new: object) -> bool:
    # In Python True equals 1 and 1 equals 1.0; in a definition these are different things to have written.
    return type(old) is not type(new) or old != new


def _shown(path: tuple[str, ...], value: Any, marked: frozenset[str]) -> Any:  # noqa: ANN401  # JSON
    if value is None and path[:1] != ("params",):
        return None
    marks = marked if path[:1] == ("params",) else frozenset()
    if path != _MARKS and any(is_hidden(name.strip('"'), value, marks) for name in path):
        return MASK
    return clean_value(masked_value(value, marked=marks), VALUE_LIMIT)
