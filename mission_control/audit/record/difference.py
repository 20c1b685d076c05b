"""What changed between two versions of a task definition, field by field."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import groupby, islice
from typing import Any

from mission_control.audit.record.json_ready import json_ready
from mission_control.audit.record.masking import NAME_LIMIT, clean_text, clean_value, is_hidden, marks_of
from mission_control.model.problems.secret_references import MASK

VALUE_LIMIT = 2_048
SCHEDULE_LIMIT = 65_536
"""Past timetables are read from records, so schedules are in them whole."""

MOST_FIELDS = 256

_MARKS = ("secret",)
"""The field that names the secret params: it has none of them."""

_UNIQUE = "unique"
_KINDS = {
    **dict.fromkeys(("id", "name", "params"), _UNIQUE),
    **{name: name for name in ("metadata", "secret", "after")},
}
"""The fields in which tasks differ, and what kind each is of; all others are of one kind."""

_LONGEST_KNOWN = 4_096
_MOST_KNOWN = 512
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
    for kind, names in _groups(tuple({**old, **new})):
        compare = _difference_in if kind == _UNIQUE else _known_difference
        found, more = compare(_some(old, names), _some(new, names), marked)
        shown.update(islice(found.items(), MOST_FIELDS - len(shown)))
        count += more
    if count > MOST_FIELDS:
        shown["…"] = {"from": None, "to": f"{count - MOST_FIELDS} more fields"}
    return shown


@lru_cache(maxsize=64)
def _groups(names: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Return the fields that are compared together, in order: those that are as common among tasks."""
    return [(kind, [*group]) for kind, group in groupby(names, lambda name: _KINDS.get(name, ""))]


def _some(definition: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: definition[name] for name in names if name in definition} if definition else {}


def _known_difference(
    old: dict[str, Any], new: dict[str, Any], marked: frozenset[str]
) -> tuple[dict[str, dict[str, Any]], int]:
    """Return what differs in some fields, at most `MOST_FIELDS`, and in how many places it does.

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
    fields: dict[tuple[str, ...], Any] = {}
    for name, value in definition.items():
        ready = value if isinstance(value, str) else json_ready(value)
        if isinstance(ready, dict):
            fields.update(_leaves(ready, (_word(name),)))
        else:
            fields[_word(name),] = ready
    return fields


def _leaves(value: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _leaves(item, (*path, _word(key)))
        else:
            yield (*path, _word(key)), item


@lru_cache(maxsize=1_024)
def _word(key: str) -> str:
    # A key that is not a plain word is quoted, so that `a.b` differs from `b` inside `a`.
    return key if _PLAIN_KEY.fullmatch(key) else f'"{key}"'


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
    return clean_value(value, limit, marked=marks)
