"""Masking secrets, so that a record can be kept for years and shown to others.

Found by the name they go under (`password=…`, `{"api_key": …}`), by where they stand (credentials in a
URL, an authorization header) or by the known shape of a key. A secret that has none of these looks
like other text and stays.

Patterns start at a fixed word and repeat within bounds, so that no text makes them slow.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

MASK = "***"

_PASSWORD_WORDS = {
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secrets",
    "credential",
    "credentials",
}
_TOKEN_WORDS = {"token", "tokens", "apikey", "authorization", "cookie"}
_PLAIN_WORDS = frozenset(_PASSWORD_WORDS | _TOKEN_WORDS)
_PAIRS = frozenset(("api key", "access key", "private key", "signing key", "encryption key", "auth key"))
_COUNTED_WORDS = frozenset(("token", "tokens"))
_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[A-Za-z0-9]+")
_LONGEST_NAME = 200

_NAMED = (
    r"(?:passw(?:or)?d|pwd|passphrase|secret|token|(?:api|access|private|signing|encryption)[_-]?key)"
    r"(?:[_-](?:key|value))?"
)
_NAMED_HINTS = ("passw", "pwd", "passphrase", "secret", "token", "key")
_SHAPES = (
    ("sk-", r"\bsk-[\w-]{16,256}"),
    ("k_", r"\b[sr]k_(?:live|test)_\w{16,256}"),
    ("gh", r"\bgh[pousr]_\w{20,256}"),
    ("github_pat_", r"\bgithub_pat_\w{20,256}"),
    ("glpat-", r"\bglpat-[\w-]{20,256}"),
    ("ia", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("xox", r"\bxox[abeoprs]-[\w-]{10,256}"),
    ("aiza", r"\bAIza[\w-]{35}"),
    ("npm_", r"\bnpm_\w{36}"),
    ("pypi-", r"\bpypi-[\w-]{16,256}"),
    ("hf_", r"\bhf_\w{20,256}"),
    ("sg.", r"\bSG\.[\w-]{16,64}\.[\w-]{16,64}"),
    ("eyj", r"\beyJ[\w-]{6,1000}\.[\w-]{6,4000}(?:\.[\w-]{0,1000})?"),
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A pattern, and what must be in the lower-case text for it to be worth a look (most text has none)."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str


_RULES = (
    _Rule(
        ("private key",),
        re.compile(
            r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        f"-----PRIVATE KEY {MASK}-----",
    ),
    # The end of a block whose beginning was cut off with the middle of a long text.
    _Rule(
        ("private key",),
        re.compile(r"\A[A-Za-z0-9+/=\s]*-----END [A-Z ]{0,32}PRIVATE KEY-----"),
        f"-----PRIVATE KEY {MASK}-----",
    ),
    _Rule(("://",), re.compile(r"://([^\s/:@]{0,256}):[^\s/]{1,512}@"), rf"://\1:{MASK}@"),
    _Rule(
        ("authorization",),
        re.compile(r"(?i)(\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?)[^\s\"'][^\"'\r\n]{0,4096}"),
        rf"\1{MASK}",
    ),
    _Rule(
        ("bearer ", "basic "),
        # Prose says "basic authentication"; what is encoded has digits, signs or mixed case.
        re.compile(
            r"(\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC) )"
            r"(?=\S{0,64}(?:[0-9=+/_]|[a-z][A-Z]))[\w.~+/=-]{8,4096}"
        ),
        rf"\1{MASK}",
    ),
    _Rule(
        _NAMED_HINTS,
        re.compile(rf"(?i)({_NAMED}[\"']?\s{{0,3}}[:=]\s{{0,3}})(\"|')(?:(?!\2).){{1,4096}}"),
        rf"\1\2{MASK}",
    ),
    _Rule(
        _NAMED_HINTS,
        re.compile(rf"(?i)({_NAMED}[\"']?\s{{0,3}}[:=]\s{{0,3}})[^\s\"'&,;)}}\]]{{1,4096}}"),
        rf"\1{MASK}",
    ),
    *(_Rule((hint,), re.compile(shape), MASK) for hint, shape in _SHAPES),
)


def mask_text(text: str) -> str:
    """Return `text` with what looks like a secret replaced by `***`.

    >>> mask_text("redis://:hunter2@cache:6379/0 failed, token=abc123")
    'redis://:***@cache:6379/0 failed, token=***'
    """
    lowered = text.lower()
    for rule in _RULES:
        if any(hint in lowered for hint in rule.hints):
            text = rule.pattern.sub(rule.replacement, text)
    return text


def mask_secrets(value: Any) -> Any:  # noqa: ANN401  # a JSON value has no narrower type
    """Return a JSON value in which the values of keys named like a secret, and secrets in text, are masked.

    `value` must be made of JSON's own types and free of cycles, as `json_ready` leaves it.

    >>> mask_secrets({"apiKey": "k", "total_tokens": 7})
    {'apiKey': '***', 'total_tokens': 7}
    """
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {mask_text(key): mask_named(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [mask_secrets(item) for item in value]
    return value


def mask_named(name: str, value: Any) -> Any:  # noqa: ANN401  # see mask_secrets
    """Return `value` masked as the value of a key called `name`."""
    words = _secret_words(name)
    if not words or value is None or isinstance(value, bool) or value == "":
        return mask_secrets(value)
    if words <= _COUNTED_WORDS and isinstance(value, int | float):
        return value  # `max_tokens: 512` counts; it opens nothing
    return MASK


def _secret_words(name: str) -> frozenset[str]:
    words = [word.lower() for word in _WORD.findall(_CAMEL_HUMP.sub(" ", name[:_LONGEST_NAME]))]
    pairs = (" ".join(pair) for pair in pairwise(words))
    return (_PLAIN_WORDS & set(words)) | (_PAIRS & set(pairs))
