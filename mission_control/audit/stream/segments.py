"""The files that one audit stream is in: the live one and those it was rotated to."""

import gzip
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, cast

from mission_control.audit.stream.lines import lines_forwards
from mission_control.files.outside_file import open_outside_file

_ROTATED = re.compile(r"(?:\.(?P<number>\d{1,9})|-(?P<date>\d{8}[\d-]{0,12}))(?P<gz>\.gz)?")
_NOTHING: Final = Path(os.devnull)


@dataclass(slots=True)
class Segment:
    """One open file of a stream; `identity` tells which, whatever it is called by now.

    `problem` is what is wrong with the file itself; the lines that can be read are read all the same.
    """

    path: Path
    file: IO[bytes]
    identity: tuple[int, int]
    problem: str | None = None

    @property
    def is_packed(self) -> bool:
        """Whether the file is compressed, and can be read only forwards."""
        return self.path.suffix == ".gz"

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield `(offset, line)` from the beginning, empty lines included; then `problem` is known.

        A compressed file is unpacked piece by piece, because a small one may unpack to any size.
        """
        self.file.seek(0)
        if not self.is_packed:
            yield from lines_forwards(self.file)
            return
        try:
            with cast("IO[bytes]", gzip.open(self.file)) as unpacked:
                yield from lines_forwards(unpacked)
        except (OSError, EOFError, zlib.error) as error:
            self.problem = f"the compressed file is damaged ({error})"


class Segments:
    """The open files of a stream, oldest first; a context manager that closes them.

    Understood are `name.1` (newest), `name.2` … and logrotate's `name-YYYYMMDD…`, each also with `.gz`.
    Where both styles are mixed, dated files count as older. Files are opened newest first and each only
    once, so that a rotation meanwhile neither hides one nor shows one twice.
    """

    def __init__(self, path: Path) -> None:
        self._opened: list[Segment] = []
        for name in (path, *reversed(rotated(path))):
            self._open(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for segment in self._opened:
            segment.file.close()

    @property
    def oldest_first(self) -> list[Segment]:
        """The files in the order in which they were written."""
        return self._opened[::-1]

    @property
    def newest_first(self) -> list[Segment]:
        """The files from the live one backwards."""
        return list(self._opened)

    def _open(self, path: Path) -> None:
        try:
            file = open_outside_file(path)
        except FileNotFoundError:
            return
        except PermissionError:
            raise
        except OSError as error:
            problem = f"the file cannot be read: {error.strerror}"
            self._opened.append(Segment(path, _NOTHING.open("rb"), (0, len(self._opened)), problem))
            return
        segment = Segment(path, file, identity(os.fstat(file.fileno())))
        if any(segment.identity == other.identity for other in self._opened):
            file.close()
            return
        self._opened.append(segment)


def identity(found: os.stat_result) -> tuple[int, int]:
    """Return what identifies a file whatever it is called."""
    return found.st_dev, found.st_ino


def rotated(path: Path) -> list[Path]:
    """Return the rotated files of the stream at `path`, oldest first."""
    if not path.parent.is_dir():
        return []
    found = {other: match for other in path.parent.iterdir() if (match := _rotation(path, other)) is not None}
    # A file that is being compressed is there twice, and its copy is not complete yet.
    whole = [other for other in found if other.suffix != ".gz" or other.with_suffix("") not in found]
    return sorted(whole, key=lambda other: _age(found[other]))


def _rotation(path: Path, other: Path) -> re.Match[str] | None:
    if not other.name.startswith(path.name):
        return None
    return _ROTATED.fullmatch(other.name, len(path.name))


def _age(match: re.Match[str]) -> tuple[int, str, int]:
    date, number = match["date"], match["number"]
    return (0, date, 0) if date is not None else (1, "", -int(number))
