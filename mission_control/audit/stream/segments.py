"""The files that one audit stream is in: the live one and those it was rotated to."""

import gzip
import os
import re
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_ROTATED = re.compile(r"(?:\.(?P<number>\d{1,9})|-(?P<date>\d{8}[\d-]{0,12}))(?P<gz>\.gz)?")


@dataclass(slots=True)
class Segment:
    """One open file of a stream; `identity` tells which, whatever it is called by now."""

    path: Path
    file: IO[bytes]
    identity: tuple[int, int]

    def plain(self) -> tuple[IO[bytes], str | None]:
        """Return the file at its beginning, or of a compressed one a copy, and what is wrong with it.

        Of a damaged file the copy holds what could be unpacked.
        """
        self.file.seek(0)
        if self.path.suffix != ".gz":
            return self.file, None
        copy = tempfile.TemporaryFile()  # noqa: SIM115  # the caller reads and closes it
        problem = None
        try:
            with gzip.open(self.file) as packed:
                # read1, because read would throw away what comes before the damage.
                while block := packed.read1():
                    copy.write(block)
        except (OSError, EOFError, zlib.error) as error:
            problem = f"the compressed file is damaged ({error})"
        copy.seek(0)
        return copy, problem


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
            file = path.open("rb")
        except FileNotFoundError:
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
