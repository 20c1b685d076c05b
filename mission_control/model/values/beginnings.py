"""An id by what it begins with, as tables show long ones: `reports-ni…@20260301T09…`."""

from collections.abc import Iterable
from typing import Final

CUT: Final = "…"
_TYPED: Final = "..."


def is_cut(text: str) -> bool:
    """Return whether a text says that it is only the beginning of an id, or of its part before the `@`.

    >>> is_cut("repo…"), is_cut("repo...@2026"), is_cut("repo")
    (True, True, False)
    """
    return any(part.endswith((CUT, _TYPED)) for part in text.split("@"))


def parts_of(text: str) -> tuple[str, ...]:
    """Return what an id begins with: before the `@`, and after it if there is one.

    >>> parts_of("repo…@2026"), parts_of("repo...")
    (('repo', '2026'), ('repo',))
    """
    return tuple(part.removesuffix(CUT).removesuffix(_TYPED) for part in text.split("@", 1))


def begun_with(text: str, names: Iterable[str]) -> list[str]:
    """Return the names that begin as `text` says, sorted; what is whole in it is preferred to a beginning.

    >>> begun_with("rep…@2026", ["reports@20260301", "repairs@20260301", "reports@2027"])
    ['repairs@20260301', 'reports@20260301']
    >>> begun_with("tea", ["tea", "teapot"]), begun_with("…", ["tea"])
    (['tea'], [])
    """
    wanted, whole = parts_of(text), text.partition("@")[0]
    found = sorted(name for name in names if wanted[0] and _begins(name.split("@", 1), wanted))
    return [name for name in found if name.partition("@")[0] == whole] or found


def _begins(parts: list[str], wanted: tuple[str, ...]) -> bool:
    return len(parts) >= len(wanted) and all(map(str.startswith, parts, wanted))
