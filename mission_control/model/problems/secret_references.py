"""References to secrets in params: `{"secret": "env:NAME"}` and `{"secret": "file:/run/secrets/name"}`.

Only their syntax is known here. A worker resolves them, and nothing else has the value.
"""

import re
from pathlib import PurePosixPath
from typing import Any, Final

MASK: Final = "***"
"""What stands for a secret wherever something is shown."""

_KEY: Final = "secret"
_ENV: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,199}")
_FILE: Final = re.compile(r"file:(?:/[^/\0]{1,255}){1,32}")
_EXAMPLES: Final = '{"secret": "env:NAME"} or {"secret": "file:/run/secrets/name"}'
# As masking leaves it: alone, or as the last part of a URL, a password in one, or the value of a name.
_MASKED: Final = re.compile(r"(?:\A|[/=:\"'])\*\*\*(?:\Z|[@&\"'\s])")


def reference_in(value: object) -> str | None:
    """Return the text of the reference that a value is, or None.

    >>> reference_in({"secret": "env:TOKEN"})
    'env:TOKEN'
    >>> reference_in({"secret": "env:TOKEN", "user": "u"}) is None
    True
    """
    text: Any = value.get(_KEY) if isinstance(value, dict) and len(value) == 1 else None
    return text if isinstance(text, str) else None


def refers_to_secret(value: object) -> bool:
    """Return whether a value is such a reference, or has one in it.

    >>> refers_to_secret([{"token": {"secret": "env:TOKEN"}}])
    True
    """
    if reference_in(value) is not None:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(refers_to_secret, inner))


def reference_problem(text: str) -> str | None:
    """Return what is wrong with the text of a reference, or None; it is not quoted, as it may be the secret.

    >>> reference_problem("env:TOKEN") is None
    True
    >>> print(reference_problem("hunter2"))
    is not a reference to a secret; write {"secret": "env:NAME"} or {"secret": "file:/run/secrets/name"}
    """
    if _ENV.fullmatch(text):
        return None
    if _FILE.fullmatch(text) and not {".", ".."} & set(PurePosixPath(text).parts):
        return None
    return f"is not a reference to a secret; write {_EXAMPLES}"


def has_mask(text: str) -> bool:
    """Return whether a text is one in which a secret was masked.

    >>> has_mask("***"), has_mask("https://hooks.example.org/***"), has_mask("a *** b")
    (True, True, False)
    """
    return MASK in text and _MASKED.search(text) is not None
