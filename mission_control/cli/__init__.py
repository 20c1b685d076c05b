"""The command line. Nouns, then verbs: `mission-control task add`; one file per verb.

Data goes to stdout, messages to stderr; `--json` wherever something is read, `--dry-run` wherever
something is written; exit codes in `exit_codes`. A command's module is imported when the command is used
(or its help is), and what is heavy (Celery, Redis, pydantic) inside the functions that need it.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import NoReturn


def main() -> NoReturn:
    """Run the command that the process's arguments ask for, and end the process with its exit code."""
    from mission_control.cli.program import program

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a locale that lacks a character must not be an error
            stream.reconfigure(errors="backslashreplace")
    program.main(prog_name="mission-control")
    raise SystemExit
