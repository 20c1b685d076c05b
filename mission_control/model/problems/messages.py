"""Messages for the faults that pydantic finds: the value, what is wrong with it, and the remedy."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from mission_control.model.problems.suggestions import did_you_mean, quoted

_TEMPLATES = {
    "missing": "is missing, but required",
    "string_type": '{value} is not text; write text in "quotes"',
    "int_type": "{value} is not a whole number{unquote}",
    "int_from_float": "{value} is not a whole number; leave the fraction out",
    "float_type": "{value} is not a number{unquote}",
    "bool_type": "{value} is not true or false{unquote}",
    "tuple_type": "{value} is not a list; write it in [brackets]",
    "list_type": "{value} is not a list; write it in [brackets]",
    "dict_type": "{value} is not an object; write its keys and values in {{braces}}",
    "model_type": "{value} is not an object; write its keys and values in {{braces}}",
    "model_attributes_type": "{value} is not an object; write its keys and values in {{braces}}",
    "finite_number": "{value} is not a finite number; write a finite one",
    "greater_than": "{value} is too small; use more than {gt:.15g}",
    "greater_than_equal": "{value} is too small; use {ge:.15g} or more",
    "less_than": "{value} is too large; use less than {lt:.15g}",
    "less_than_equal": "{value} is too large; use {le:.15g} or less",
    "string_too_short": "{value} is too short; use at least {min_length} characters",
    "string_too_long": "{value} is too long: {count:,} characters; at most {max_length:,} are allowed",
    "too_short": "has {count} items; at least {min_length} is needed",
    "too_long": "has {count:,} items; at most {max_length:,} are allowed",
    "value_error": "{error}",
    "assertion_error": "{error}",
}
_WRITTEN_WITHOUT_QUOTES = re.compile(r"\s*(-?\d{1,20}(\.\d{1,20})?|true|false|null)\s*", re.IGNORECASE)


def message_of(error: ErrorDetails) -> str:
    """Return what pydantic's `error` means, without its place."""
    value, context = error["input"], error.get("ctx", {})
    if error["type"] == "literal_error":
        return unknown_choice(value, choices_in(context["expected"]))
    template = _TEMPLATES.get(error["type"])
    if template is None:
        return f"{error['msg']} (it is {shown(value)})"
    return template.format(value=shown(value), count=_count(value), unquote=_unquote_remedy(value), **context)


def unknown_choice(value: object, choices: Sequence[str]) -> str:
    """Return the message that `value` is none of `choices`, with the likely intended one.

    >>> print(unknown_choice("wekly", ["daily", "weekly"]))
    'wekly' is not one of daily, weekly; did you mean "weekly"?
    """
    suggestion = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"{shown(value)} is not one of {', '.join(choices)}{suggestion}"


def unknown_key(key: str, known: Sequence[str], nested: Iterable[str] = ()) -> str:
    """Return the message that there is no such key, with the likely intended one, or else all known ones.

    `nested` are the paths of keys inside the known ones, for a key that was written one level too high.

    >>> unknown_key("tiem", ["type", "time"])
    'unknown key; did you mean "time"?'
    >>> unknown_key("max_retries", ["id", "retry_policy"], ["retry_policy.max_retries"])
    'unknown key; did you mean "retry_policy.max_retries"?'
    """
    inside = next((path for path in nested if path.endswith(f".{key}")), None)
    if inside is not None:
        return f'unknown key; did you mean "{inside}"?'
    return f"unknown key{did_you_mean(key, known) or '; known here: ' + ', '.join(known)}"


def choices_in(text: str) -> list[str]:
    """Return the names in a list that pydantic wrote.

    >>> choices_in("'latest', 'all' or 'skip'")
    ['latest', 'all', 'skip']
    """
    return re.findall(r"'([^']*)'", text)


def shown(value: object) -> str:
    """Return `value` as JSON writes it, cut to a bounded length; for lists and objects only the kind.

    >>> shown(True), shown("25:00"), shown({"a": 1})
    ('true', "'25:00'", 'an object')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else quoted(value)


def _count(value: object) -> int:
    return len(value) if isinstance(value, str | list | tuple | dict) else 0


def _unquote_remedy(value: Any) -> str:  # noqa: ANN401  # whatever a definition may hold
    looks_right = isinstance(value, str) and _WRITTEN_WITHOUT_QUOTES.fullmatch(value)
    return "; write it without quotes" if looks_right else ""
