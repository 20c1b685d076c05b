"""The nearest valid choice for a wrong name."""

import difflib
from collections.abc import Iterable

LONGEST_QUOTE = 80
_LONGEST_COMPARED = 100


def nearest(value: str, choices: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Return the choice that `value` was probably meant to be, regardless of case, or None.

    `likeness` is the least that `difflib` must see, from 0 to 1.

    >>> nearest("Wekly", ["daily", "weekly"])
    'weekly'
    >>> nearest("sometimes", ["daily", "weekly"]) is None
    True
    """
    by_folded = {choice.casefold(): choice for choice in choices}
    folded = value[:_LONGEST_COMPARED].casefold()
    found = difflib.get_close_matches(folded, by_folded, n=1, cutoff=likeness)
    return by_folded[found[0]] if found else None


def did_you_mean(value: str, choices: Iterable[str]) -> str:
    """Return `; did you mean "…"?`, to append to a message, or nothing if no choice is near.

    >>> did_you_mean("wekly", ["daily", "weekly"])
    '; did you mean "weekly"?'
    """
    choice = nearest(value, choices)
    return f'; did you mean "{choice}"?' if choice is not None else ""


def quoted(value: object) -> str:
    """Return `value` as Python would write it, cut to `LONGEST_QUOTE` characters.

    >>> quoted("25:00")
    "'25:00'"
    >>> len(quoted("x" * 100_000))
    80
    """
    text = repr(value[: 2 * LONGEST_QUOTE] if isinstance(value, str) else value)
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"
