"""Foreign text as it may be shown: nothing in it commands a terminal or begins a line."""


def escaped(text: str, *, but: str = "") -> str:
    r"""Return `text` with each character that is not printable, except those in `but`, as Python escapes it.

    Not printable are control characters, line breaks, marks that are invisible or turn the direction of
    text, and lone surrogates.

    >>> escaped("two\nlines \x1b[31m"), escaped("two\nlines", but="\n")
    ('two\\nlines \\x1b[31m', 'two\nlines')
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in but else ascii(one)[1:-1] for one in text)
