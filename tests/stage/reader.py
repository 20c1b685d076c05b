"""A reader who types what a page shows, block by block, in a folder of their own.

`sh` is typed line by line. `console` has prompts, and what is printed there must be what the page shows: `…`
stands for anything, and a date, a time of day with seconds or a duration for any other. `python` runs as a
program; its comments `# prints …` say what it prints. A block with a file's name after its language is saved
as that file.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.house.documentation import all_blocks
from tests.processes.stand_in import stand_in_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.house.documentation import Block

VENV = Path(sys.prefix)
# What `mc` does once it has set the checkout up.
MC = '#!/bin/sh\nMC_COMMAND=$0 exec mission-control "$@"\n'
_PRINTS = re.compile(r"# prints ([^;\n]+)")
_UNIT = r"\d[\d.]* (?:ms|s|min|h|d)\b"
_TIME = r"\d\d:\d\d:\d\d(?:\.\d+)?"
_INSTANT = rf"\d{{4}}-\d\d-\d\d(?: (?:{_TIME}|\d\d:\d\d\b))?"  # at a full minute it has no seconds
_VARIES = re.compile(rf"{_INSTANT}|{_TIME}|{_UNIT}(?: {_UNIT})*")
_ERROR = re.compile(r"^(error:|Traceback )", re.MULTILINE)


PORT = "MISSION_CONTROL_WEB_PORT"


class Reader:
    """Has a folder with what `./mc` has set up, and Mission Control on PATH, mostly a stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        commands = Path(tempfile.mkdtemp(prefix="mc-commands-", dir=os.environ.get("TMPDIR")))
        (commands / "mission-control").write_text(stand_in_for(f"{VENV}/bin/mission-control"), "utf-8")
        (commands / "mission-control").chmod(0o755)
        (folder / "mc").write_text(MC, "utf-8")
        (folder / "mc").chmod(0o755)
        (folder / ".venv").symlink_to(VENV)
        kept = {name: text for name, text in os.environ.items() if not name.startswith("MISSION_CONTROL_")}
        path = f"{commands}:{VENV / 'bin'}:{os.environ['PATH']}"
        self._at_first = {**kept, "PATH": path, "COLUMNS": "100", "TZ": "UTC", PORT: "0"}
        self._environment = dict(self._at_first)
        self.has_read = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run(["mission-control", "down"])  # if the page, or a failure, has left something up

    def read(self, page: Path) -> None:
        """Do what the blocks of a page say, in their order; fails where something else happens.

        What a page exports is forgotten at its end.
        """
        self._environment = dict(self._at_first)
        self.has_read = True
        for block in all_blocks(page):
            if block.reason is None:
                self._do(block)

    def type(self, line: str) -> str:
        """Type a line, which must succeed, and return what appears in the terminal."""
        code, shown = self._run(["bash", "-c", line])
        assert code == 0, f"{line}\nends with exit code {code}:\n{shown}"
        assert _ERROR.search(shown) is None, f"{line}\nprints an error:\n{shown}"
        return shown

    def _do(self, block: Block) -> None:
        if block.file is not None:
            file = self.folder / block.file
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text, "utf-8")
        elif block.language == "python":
            code, printed = self._run([sys.executable, "-c", block.text])
            assert code == 0, f"{block.place} ends with exit code {code}:\n{printed}"
            promised = "".join(f"{line.strip()}\n" for line in _PRINTS.findall(block.text))
            assert not promised or is_shown(promised, printed), differs(block.place, promised, printed)
        else:
            self._type_all(block.place, block.typed())

    def _type_all(self, place: str, lines: Iterable[tuple[str, str | None]]) -> None:
        for line, shown in lines:
            if line.startswith("export "):
                (name, _, text), *_ = (one.partition("=") for one in shlex.split(line, comments=True)[1:])
                self._environment[name] = text
            elif shown is None:
                self.type(line)
            else:
                _, printed = self._run(["bash", "-c", line])
                assert is_shown(shown, printed), differs(f"{place}, {line}", shown, printed)

    def _run(self, command: list[str]) -> tuple[int, str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout


def is_shown(shown: str, printed: str) -> bool:
    """Return whether a page shows what was printed: `…` stands for anything; widths and times may differ.

    A line with nothing else stands for any number of lines.
    """
    parts = _evenly(shown).replace("\n…\n", "\n…").split("…")
    pattern = ".*?".join(re.escape(part) for part in parts)
    return re.fullmatch(pattern, _evenly(printed), re.DOTALL) is not None


def _evenly(text: str) -> str:
    lines = (re.sub(" +", " ", line).rstrip() for line in text.strip().splitlines())
    return "\n".join(_VARIES.sub("0", line) for line in lines)


def differs(place: str, shown: str, printed: str) -> str:
    """Return how a page differs from what happens."""
    return f"{place}\nshows:\n{shown}\nbut this is printed:\n{printed}"
