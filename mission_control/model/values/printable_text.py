"""Foreign text as it may be shown: nothing in it commands a terminal, begins a line or is invisible."""

import re
from typing import Final

# Letters and marks that have no shape (Unicode's Default_Ignorable_Code_Point), which Python calls printable.
# Variation selectors are left out: they belong to emoji.
_SHAPELESS: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U000e0100-\U000e0fff]"
)


def is_visible(text: str) -> bool:
    r"""Return whether each character of `text` can be seen.

    >>> is_visible("Grüße"), is_visible("a\x1b"), is_visible("a\u3164")
    (True, False, False)
    """
    return text.isprintable() and (text.isascii() or _SHAPELESS.search(text) is None)


def escaped(text: str, *, but: str = "") -> str:
    r"""Return `text` with each character that is not visible, except those in `but`, as Python escapes it.

    Not visible are control characters, line breaks, lone surrogates, and marks and letters that have no shape
    or turn the direction of text.

    >>> escaped("two\nlines \x1b[31m"), escaped("two\nlines", but="\n")
    ('two\\nlines \\x1b[31m', 'two\nlines')
    """
    rest = text
    for one in but:
        rest = rest.replace(one, "")
    if is_visible(rest):
        return text
    return "".join(one if one in but or is_visible(one) else ascii(one)[1:-1] for one in text)
