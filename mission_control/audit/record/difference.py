"""What changed between two versions of a task definition, field by field."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from mission_control.audit.record.json_ready import json_ready
from mission_control.audit.record.masked_values import is_hidden, marks_of, masked_value
from mission_control.audit.record.masking import NAME_LIMIT, clean_text, clean_value
from mission_control.model.problems.secret_references import MASK

VALUE_LIMIT = 2_048
SCHEDULE_LIMIT = 65_536
"""Past timetables are read from records, so schedules are in them whole."""

MOST_FIELDS = 256

_MARKS = ("secret",)
"""The field that names the secret params: it has none of them."""

_LONGEST_KNOWN = 512
_MOST_KNOWN = 1_024
_known: dict[str, tuple[dict[str, dict[str, Any]], int]] = {}

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
    old, new = (one if one is not None else {} for one in (before, after))
    marked = marks_of(before) | marks_of(after)
    shown: dict[str, dict[str, Any]] = {}
    count = 0
    for name in {**old, **new}:
        was = {name: old[name]} if name in old else {}
        becomes = {name: new[name]} if name in new else {}
        some, more = _known_difference(was, becomes, marked)
        shown.update(islice(some.items(), MOST_FIELDS - len(shown)))
        count += more
    if count > MOST_FIELDS:
        shown["…"] = {"from": None, "to": f"{count - MOST_FIELDS} more fields"}
    return shown


def _known_difference(
    old: dict[str, Any], new: dict[str, Any], marked: frozenset[str]
) -> tuple[dict[str, dict[str, Any]], int]:
    """Return what differs in one field, at most `MOST_FIELDS`, and in how many places it does.

    Of thousands of tasks that are registered together, most fields are alike.
    """
    key = repr((old, new, marked))
    found = _known.get(key)
    if found is None:
        found = _difference_in(old, new, marked)
        if len(key) <= _LONGEST_KNOWN:
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[key] = found
    return found


def _difference_in(
    old: dict[str, Any], new: dict[str, Any], marked: frozenset[str]
) -> tuple[dict[str, dict[str, Any]], int]:
    before, after = _fields(old), _fields(new)
    changed = [path for path in before | after if _differs(before.get(path), after.get(path))]
    shown = {
        _name(path): {
            "from": _shown(path, before.get(path), marked),
            "to": _shown(path, after.get(path), marked),
        }
        for path in changed[:MOST_FIELDS]
    }
    return shown, len(changed)


@lru_cache(maxsize=1_024)
def _name(path: tuple[str, ...]) -> str:
    return clean_text(".".join(path), NAME_LIMIT)


def _fields(definition: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    return dict(_leaves(json_ready(definition), ())) if definition else {}


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
    limit = SCHEDULE_LIMIT if path[0] == "schedule" else VALUE_LIMIT
    return clean_value(masked_value(value, marked=marks), limit)
