"""Values by their keys, of which few are held in memory."""

import sqlite3
from abc import abstractmethod
from collections.abc import Iterator, Mapping, ValuesView
from typing import Any, Final, Generic, TypeVar
from weakref import finalize

from mission_control.errors import TaskFileError

_Value = TypeVar("_Value")
_AT_ONCE: Final = 500
_ADD: Final = "INSERT OR IGNORE INTO held (key, label, value) VALUES (?, ?, ?)"
_COLUMNS: Final = "at INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, label TEXT NOT NULL, value BLOB NOT NULL"


class DiskMap(Mapping[str, _Value], Generic[_Value]):
    """Values in the order in which they were added, each with a label.

    SQLite keeps them in its cache of 2 MB, and what exceeds that in a nameless temporary file, which no other
    user can open (see `SQLITE_TMPDIR`). A value that is looked up is a new one each time.
    """

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        finalize(self, self._rows.close)
        self._rows.execute(f"CREATE TABLE held ({_COLUMNS})")
        self._rows.execute("BEGIN")

    def add(self, key: str, value: _Value, label: str = "") -> bool:
        """Add a value, unless there is one with its key; return whether it was added.

        Raises:
            TaskFileError: there is no room in the folder for temporary files.
        """
        row = key, label, self.packed(value)
        try:
            return self._rows.execute(_ADD, row).rowcount == 1
        except sqlite3.OperationalError as error:
            raise TaskFileError(
                f"tasks are held in a temporary file meanwhile, which failed: {error}; make room there, or "
                "name another folder by SQLITE_TMPDIR"
            ) from error

    @abstractmethod
    def packed(self, value: _Value) -> bytes:
        """Return what is held of a value."""

    @abstractmethod
    def unpacked(self, key: str, packed: bytes) -> _Value:
        """Return the value of which this is held."""

    def __getitem__(self, key: str) -> _Value:
        found = self._rows.execute("SELECT value FROM held WHERE key = ?", (key,)).fetchone()
        if found is None:
            raise KeyError(key)
        return self.unpacked(key, found[0])

    def __contains__(self, key: object) -> bool:
        return self.label(str(key)) is not None

    def __iter__(self) -> Iterator[str]:
        return (key for (key,) in self._found("SELECT key FROM held ORDER BY at"))

    def __len__(self) -> int:
        return sum(self.counts().values())

    def values(self) -> ValuesView[_Value]:
        """Return the values, which are read many at a time."""
        return _Values(self)

    def each(self) -> Iterator[_Value]:
        """Yield the values."""
        found = self._found("SELECT key, value FROM held ORDER BY at")
        return (self.unpacked(key, packed) for key, packed in found)

    def label(self, key: str) -> str | None:
        """Return the label of the value with a key, None if there is none."""
        found = self._rows.execute("SELECT label FROM held WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def labelled(self, label: str) -> Iterator[str]:
        """Yield the keys of the values with a label."""
        found = self._found("SELECT key FROM held WHERE label = ? ORDER BY at", label)
        return (key for (key,) in found)

    def counts(self) -> dict[str, int]:
        """Return how many values have each label."""
        return dict(self._found("SELECT label, count(*) FROM held GROUP BY label"))

    def _found(self, query: str, *given: str) -> Iterator[Any]:
        found = self._rows.execute(query, given)
        while some := found.fetchmany(_AT_ONCE):
            yield from some


class _Values(ValuesView[_Value]):
    def __init__(self, held: DiskMap[_Value]) -> None:
        super().__init__(held)
        self._held = held

    def __iter__(self) -> Iterator[_Value]:
        return self._held.each()
