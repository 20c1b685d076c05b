r"""What a value must go through before it is kept: masked, escaped, bounded, in this order.

Text keeps its line breaks and tabs (JSON escapes them); every other control character, the marks that
turn the direction of text, and lone surrogates become visible escapes such as `\x1b`, so that showing a
record never commands a terminal.
"""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

import orjson

from mission_control.audit.record.json_ready import json_ready
from mission_control.audit.record.secrets_mask import is_secret, mask_text
from mission_control.model.problems.secret_references import MASK, reference_in

_OPTION: Final = re.compile(r"--?[A-Za-z][\w-]{0,59}")
_NAME: Final = re.compile(r"[A-Za-z][\w -]{0,59}")
_PAIR: Final = 2
OUTPUT_LIMIT = 8_192
ERROR_LIMIT = 8_192
NAME_LIMIT = 512
"""For what is no free text: ids, handler paths, reasons."""

_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_LATIN_END = 0x100


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


def clean_text(text: str, limit: int) -> str:
    """Return `text` masked, escaped and at most about `limit` characters long.

    A longer one keeps its beginning and its end (an error says at its end what went wrong) around a mark
    that tells how many characters are cut; the mark comes on top of `limit`.
    """
    margin = 2 * limit
    if len(text) <= 2 * margin:
        return _shorten(_escape(mask_text(text)), limit, 0)
    # Only the ends are looked at, each with a margin around what will be kept of it, so that a secret is
    # not cut in two before it is recognised.
    ends = _escape(mask_text(text[:margin])) + _escape(mask_text(text[-margin:]))
    return _shorten(ends, limit, len(text) - 2 * margin)


def clean_name(text: str) -> str:
    """Return an id, a path or another name escaped and bounded; names are not searched for secrets."""
    return text if len(text) <= NAME_LIMIT and text.isprintable() else _shorten(_escape(text), NAME_LIMIT, 0)


def clean_value(value: object, limit: int, *, marked: frozenset[str] = frozenset()) -> Any:  # noqa: ANN401  # a JSON value has no narrower type
    """Return any value fit for a record: text as `clean_text`, a structure as JSON if it is small.

    What has a `marked` name is masked. A structure whose JSON is longer than `limit` becomes that JSON as
    text, with its middle cut.
    """
    if isinstance(value, str):
        return clean_text(value, limit)
    if value is None:
        return None
    if isinstance(value, int):
        return json_ready(value)
    ready = masked_value(
        json_ready(value),
        lambda one: clean_text(one, limit),
        key=lambda one: clean_text(one, NAME_LIMIT),
        marked=marked,
    )
    text = orjson.dumps(ready).decode()
    return ready if len(text) <= limit else _shorten(text, limit, 0)


def _escape(text: str) -> str:
    return text if text.isprintable() else _CONTROLS.sub(_visible, text.replace("\r\n", "\n"))


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < _LATIN_END else f"\\u{code:04x}"


def _shorten(text: str, limit: int, cut_before: int) -> str:
    if len(text) <= limit and not cut_before:
        return text
    half = limit // 2
    cut = max(0, len(text) - 2 * half) + cut_before
    return f"{text[:half]} … {cut:,} characters cut … {text[-half:]}"
