"""Masking secrets in structures: by the names in them, by mark, and by the shape of their texts."""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

from mission_control.audit.record.secrets_mask import is_secret, mask_text
from mission_control.model.problems.secret_references import MASK, reference_in

_OPTION: Final = re.compile(r"--?[A-Za-z][\w-]{0,59}")
_NAME: Final = re.compile(r"[A-Za-z][\w -]{0,59}")
_PAIR: Final = 2


def masked_definition(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's definition with the secrets in its params masked."""
    if "params" not in definition:
        return dict(definition)
    return {**definition, "params": masked_value(definition["params"], marked=marks_of(definition))}


def marks_of(definition: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the names of params that a definition marks as secret.

    >>> marks_of({"secret": ["pin"]}), marks_of(None)
    (frozenset({'pin'}), frozenset())
    """
    marks = (definition if definition is not None else {}).get("secret")
    named = marks if isinstance(marks, list | tuple) else ()
    return frozenset(one for one in named if isinstance(one, str))


def masked_value(
    value: Any,  # noqa: ANN401  # JSON
    text: Callable[[str], str] = mask_text,
    *,
    key: Callable[[str], str] = str,
    marked: frozenset[str] = frozenset(),
) -> Any:  # noqa: ANN401
    """Return a JSON value with its secrets masked: what has the name of one, is marked, or refers to one.

    `text` masks the texts in it, and `key` the names.

    >>> masked_value({"user": "u", "door": 7, "auth": {"secret": "env:TOKEN"}}, marked={"door"})
    {'user': 'u', 'door': '***', 'auth': '***'}
    >>> masked_value(["--token", "abc", "-v"])
    ['--token', '***', '-v']
    """
    if isinstance(value, str):
        return text(value)
    if not isinstance(value, list | dict):
        return value

    def inner(one: Any) -> Any:  # noqa: ANN401
        return masked_value(one, text, key=key, marked=marked)

    if isinstance(value, list):
        return [MASK if hidden else inner(one) for one, hidden in zip(value, _hidden(value), strict=True)]
    if reference_in(value) is not None:
        return MASK
    named = value.get("name", value.get("key"))  # {"name": "password", "value": …}
    is_entry = isinstance(named, str) and is_hidden(named, value.get("value"), marked)
    return {
        key(name): MASK if is_hidden(name, one, marked) or (is_entry and name == "value") else inner(one)
        for name, one in value.items()
    }


def is_hidden(name: str, value: object, marked: frozenset[str] = frozenset()) -> bool:
    """Return whether a value is hidden because of its name: it is marked, or named like a secret."""
    return (name in marked and value is not None) or is_secret(name, value)


def _hidden(items: list[Any]) -> list[bool]:
    """Return which items of a list follow the name of a secret: as an option has it, or in a pair."""
    shape = _NAME if len(items) == _PAIR else _OPTION
    follow = (
        isinstance(before, str)
        and (shape.fullmatch(before) or _OPTION.fullmatch(before)) is not None
        and isinstance(one, str | int | float)
        and not (isinstance(one, str) and _OPTION.fullmatch(one))
        and is_secret(before, one)
        for before, one in pairwise(items)
    )
    return [False, *follow][: len(items)]
