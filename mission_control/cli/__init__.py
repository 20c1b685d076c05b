"""The command line. Nouns, then verbs: `mission-control task add`; one file per verb, or pair of verbs.

Data goes to stdout, messages to stderr. Commands that read take `--json`, commands that write `--dry-run`.
A command's module is imported when the command or its help is used; heavy packages (Celery, Redis,
pydantic) are imported in the functions that need them.
"""

import gc
import sys
from io import TextIOWrapper
from typing import Final, NoReturn

_OBJECTS_PER_SEARCH: Final = 50_000
"""New objects after which Python looks for garbage; most commands end before. By default they are 700."""


def main() -> NoReturn:
    """Run the command that the process's arguments ask for, and end the process with its exit code."""
    from mission_control.processes.launch import put_our_packages_first

    gc.set_threshold(_OBJECTS_PER_SEARCH)
    put_our_packages_first()
    from mission_control.cli.program import program

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a locale without a character must not be an error
            stream.reconfigure(errors="backslashreplace")
    program.main(prog_name="mission-control")
    raise SystemExit
