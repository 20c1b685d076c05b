"""Handing an account to a command of the user's, which keeps it where this machine cannot change it."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Final

from mission_control.configuration.settings import PREFIX

SECONDS: Final = 60.0
PLACE: Final = "{file}"
_SHOWN_BYTES: Final = 2_000


def publish(command: str, file: Path, *, seconds: float = SECONDS) -> str | None:
    """Run a command with an account on its standard input, and return why it failed, None if it did not.

    `{file}` in the command stands for the path of the account. It runs without a shell, without this
    installation's settings, and in a session of its own, which is killed when `seconds` have passed.
    """
    try:
        words = [word.replace(PLACE, str(file)) for word in shlex.split(command)]
        with file.open("rb") as content:
            return _failure(words, content.fileno(), seconds)
    except (OSError, ValueError) as error:
        return str(error)


def _failure(words: list[str], source: int, seconds: float) -> str | None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
    with subprocess.Popen(  # noqa: S603  # the operator's command line
        words,
        stdin=source,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return f"it did not end within {seconds:g} seconds"
    if process.returncode == 0:
        return None
    words_said = said[-_SHOWN_BYTES:].decode(errors="replace").strip()
    return f"it ended with {process.returncode}{f': {words_said}' if words_said else ''}"
