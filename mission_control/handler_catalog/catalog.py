"""The handlers in the allowed directories, found by reading the files without importing them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from mission_control.handler_catalog.source import HandlerSource, read_module
from mission_control.model.problems.suggestions import did_you_mean
from mission_control.model.values.handler_paths import handler_path_problem, is_handler_name
from mission_control.safe_paths.paths import entry_problem, path_problem

__all__ = ["HandlerCatalog", "HandlerSource", "catalog_from"]

_MOST_NAMED = 20
_IMPORTED = (".py", ".pyc", ".so")

# By its place next to us: a program may have a module `workers` of its own.
_BUILT_IN = Path(__file__).resolve().parents[2] / "workers" / "handlers"

_Read = dict[tuple[Path, str, int, int], tuple[HandlerSource, ...]]
_built_in_read = _Read()
"""What was read of the built-in handlers, for all catalogues of the process."""


def catalog_from(directories: Sequence[Path]) -> HandlerCatalog:
    """Return the catalogue of the built-in handlers and of those in `directories`."""
    return HandlerCatalog([_BUILT_IN, *directories])


def is_built_in(source: HandlerSource) -> bool:
    """Whether it is one of ours."""
    return source.file.parent == _BUILT_IN


@dataclass
class HandlerCatalog:
    """The handlers in some directories; an earlier directory takes precedence over a later one.

    Each call looks into the directories again, but reads a file again only if it has changed, and `problem`
    looks at the other modules only if a list of files, or the handler's own file, has changed. A directory
    that does not exist has no handlers. Symbolic links are resolved, and must not lead out of their
    directory. Directories and modules that another user could change are not used; ours are not judged.
    """

    directories: Sequence[Path]
    _read: _Read = field(default_factory=dict, init=False, repr=False)
    _sound: dict[str, _Sound] = field(default_factory=dict, init=False, repr=False)

    def handlers(self) -> dict[str, HandlerSource]:
        """Return every handler by its path, those with a problem included.

        A module that cannot be used at all has the key `handlers.<module>`, or its file's path if another
        module has that name.
        """
        return {path: source for path, source in self._scan().items() if source.is_listed}

    def state(self) -> dict[str, tuple[int, int, int]]:
        """Return what tells whether a file of the usable directories has changed: its inode, time and size.

        It covers the modules that handlers import from there, too. A change of mode or owner is one.
        """
        usable = self.usable_directories()
        found = (one for directory in usable for one in _code(directory, depth=1) if one.name.endswith(".py"))
        return {one.path: (it.st_ino, it.st_ctime_ns, it.st_size) for one in found for it in (one.stat(),)}

    def problem(self, path: str) -> str | None:
        """Return why `path` names no usable handler, with the likely intended one, or None."""
        problem = handler_path_problem(path)
        if problem is not None:
            return problem
        known = self._sound.get(path)
        if known is not None and self._seen(known.file) == known.seen:
            return None
        return self._problem_found(path)

    def usable_directories(self) -> list[Path]:
        """Return the directories that no other user could change, in their order."""
        return [one for one in self.directories if _directory_problem(one) is None]

    def _problem_found(self, path: str) -> str | None:
        directories = self._seen()
        scan = self._scan()
        found = scan.get(path, scan.get(path.rpartition(".")[0]))
        if found is None:
            return self._unknown(path, scan)
        if found.problem is None:
            self._sound[path] = _Sound(found.file, (*directories, _state(found.file)))
        return found.problem

    def _seen(self, *files: Path) -> tuple[object, ...]:
        problems = map(_directory_problem, self.directories)
        return (*problems, *map(_state, (*self.directories, *files)))

    def _unknown(self, path: str, scan: dict[str, HandlerSource]) -> str:
        sound = sorted(name for name, source in scan.items() if source.problem is None)
        looked_in = ", ".join(_described(directory) for directory in self.directories)
        named = ", ".join(sound[:_MOST_NAMED]) + (", …" if len(sound) > _MOST_NAMED else "")
        there_are = f"there are: {named}" if sound else "there are none"
        return f"no handler {path!r}{did_you_mean(path, sound)}; {there_are} (looked in {looked_in})"

    def _scan(self) -> dict[str, HandlerSource]:
        """Return every handler and every function that cannot be one, by its path."""
        problems = {one: _directory_problem(one) for one in self.directories}
        found = {
            str(one): HandlerSource(str(one), one, problem)
            for one, problem in problems.items()
            if problem is not None and one.is_dir()
        }
        owners: dict[str, Path] = {}
        for directory, file in _files([one for one, problem in problems.items() if problem is None]):
            owner = owners.setdefault(file.stem, file)
            if owner == file:
                found.update((one.path, one) for one in self._module(directory, file))
            else:
                problem = (
                    f"{file} is not used, because {owner} already is handlers.{file.stem}; rename one of them"
                )
                found[str(file)] = HandlerSource(str(file), file, problem)
        return found

    def _module(self, directory: Path, file: Path) -> tuple[HandlerSource, ...]:
        try:
            resolved = _resolved(directory, file)
            status = resolved.stat()
        except (OSError, RuntimeError, ValueError) as error:
            # Python before 3.13 raises RuntimeError for a circle of links.
            return (HandlerSource(f"handlers.{file.stem}", file, f"{file} cannot be used: {error}"),)
        key = (resolved, file.stem, status.st_mtime_ns, status.st_size)
        read = _built_in_read if directory == _BUILT_IN else self._read
        if key not in read:
            read[key] = read_module(resolved, file.stem)
        return read[key]


class _Sound(NamedTuple):
    """A sound handler's file, and the directories and the file as they were seen."""

    file: Path
    seen: tuple[object, ...]


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # each `enqueue` asks
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mode, found.st_ctime_ns, found.st_mtime_ns, found.st_size


def _files(directories: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield each module file with the resolved directory that it must not leave."""
    for directory in dict.fromkeys(directory.resolve() for directory in directories):
        if directory.is_dir():
            with suppress(OSError):  # removed at this moment
                modules = sorted(directory.glob("*.py"))
                yield from ((directory, file) for file in modules if not file.name.startswith("_"))


def _code(directory: str | Path, *, depth: int, modules: bool = True) -> Iterator[os.DirEntry[str]]:
    """Yield the files that can be imported from a directory, and the folders that have some.

    Without `modules` those in it that may be modules of handlers are left out.
    """
    with suppress(OSError), os.scandir(directory) as entries:  # it may be removed at this moment
        for entry in entries:
            if not modules and entry.name.endswith(".py") and entry.name[0] != "_":
                continue
            if entry.name.endswith(_IMPORTED):
                entry.stat()  # which is kept, and fails if it is gone
                yield entry
            elif depth and entry.is_dir() and (inside := list(_code(entry.path, depth=depth - 1))):
                yield from (entry, *inside)


def _resolved(directory: Path, file: Path) -> Path:
    if not is_handler_name(file.stem):
        raise ValueError(
            "the name of a module has letters, digits and underscores, and begins with a letter; rename it"
        )
    resolved = file.resolve(strict=True)
    if not resolved.is_relative_to(directory):
        raise ValueError(f"it leads out of its directory, to {resolved}; put the file itself there")
    if not resolved.is_file():
        raise ValueError("it is not a regular file; put the file itself there")
    problem = None if directory == _BUILT_IN else entry_problem(resolved, resolved.stat())
    if problem is not None:
        raise ValueError(problem)
    return resolved


def _directory_problem(directory: Path) -> str | None:
    """Return why no handler of a directory may be used, or None."""
    if directory == _BUILT_IN:
        return None
    try:
        problem = path_problem(directory)
        if problem is None:
            others = _code(directory, depth=1, modules=False)  # a module is judged by itself
            problem = next(filter(None, map(_code_problem, others)), None)
    except OSError as error:
        problem = str(error)
    return None if problem is None else f"the handlers in {directory} are not used: {problem}"


def _code_problem(entry: os.DirEntry[str]) -> str | None:
    if entry.is_symlink():
        return path_problem(Path(entry.path))
    return entry_problem(entry.path, entry.stat())


def _described(directory: Path) -> str:
    if not directory.is_dir():
        return f"{directory}, which does not exist"
    problem = _directory_problem(directory)
    return str(directory) if problem is None else f"{directory}; {problem}"
