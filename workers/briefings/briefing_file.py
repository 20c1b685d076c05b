"""The files of briefings: one for each run."""

from itertools import count
from pathlib import Path
from typing import Final

from filelock import FileLock

from mission_control.safe_paths.atomic_file import replace_file
from mission_control.safe_paths.own_files import open_own, own_folder

_LOCK_SECONDS: Final = 30
_TAIL_BYTES: Final = 1_024


def write_briefing(directory: Path, stem: str, text: str, execution_id: str) -> Path:
    """Write a briefing as `<stem>.md` and return its absolute path.

    Guarantees: the file is complete or absent; a retry of a run overwrites only that run's file; if
    another run's file has the name, `<stem>-2.md`, `<stem>-3.md`, … is used.

    Raises:
        OSError: nothing was written.
    """
    signature = f"---\n\nWritten by the run `{execution_id}`.\n"
    own_folder(directory)
    directory = directory.resolve()
    with FileLock(directory / ".lock", timeout=_LOCK_SECONDS, mode=0o600):
        candidates = (directory / f"{stem}{'' if n == 1 else f'-{n}'}.md" for n in count(1))
        path = next(one for one in candidates if not one.exists() or _ends_with(signature, one))
        replace_file(path, f"{text}\n{signature}".encode())
    return path


def _ends_with(signature: str, path: Path) -> bool:
    try:
        with open(path, "rb", opener=open_own) as file:
            file.seek(-min(_TAIL_BYTES, path.stat().st_size), 2)
            tail = file.read(_TAIL_BYTES).decode("utf-8", errors="replace")
    except OSError:  # something else has the name
        return False
    return tail.rstrip().endswith(signature.rstrip())
