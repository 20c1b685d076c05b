r"""What a value must go through before it is kept: masked, escaped, bounded, in this order.

Text keeps its line breaks and tabs (JSON escapes them); every other control character, the marks that
turn the direction of text, and lone surrogates become visible escapes such as `\x1b`, so that showing a
record never commands a terminal.
"""

import re
from typing import Any

import orjson

from mission_control.audit.record.json_ready import json_ready
from mission_control.audit.record.masked_values import masked_value
from mission_control.audit.record.secrets_mask import mask_text

OUTPUT_LIMIT = 8_192
ERROR_LIMIT = 8_192
NAME_LIMIT = 512
"""For what is no free text: ids, handler paths, reasons."""

_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_LATIN_END = 0x100


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
