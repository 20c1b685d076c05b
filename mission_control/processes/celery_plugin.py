"""What Celery's command loads of us when it starts, so that it finds our applications in any folder.

Celery puts the working folder first, and would take a `workers.py` or a folder `beat` there for our package.
Its plugins are the only code that runs before it looks for the application, so this module acts when it is
imported.
"""

import re
import sys
from contextlib import nullcontext
from pathlib import Path

import click
from celery.utils import imports

from mission_control.processes.commands import BEAT_APP, WORKER_APP


@click.command("mission-control", hidden=True)
def command() -> None:
    """Mission Control has a command of its own: `mission-control --help`."""
    click.echo(command.help)


def names_ours(arguments: list[str], folder: Path) -> bool:
    """Return whether a command line asks for an application of ours, and `folder` has none of that name.

    With `--workdir` that is not known: another folder becomes the working folder.

    >>> names_ours(["celery", "-A", "workers.app", "worker"], Path("/nowhere"))
    True
    >>> names_ours(["celery", "--app=workers.application", "worker"], Path("/nowhere"))
    False
    """
    if any(one.startswith("--workdir") for one in arguments):
        return False
    names = {re.sub("^(-A|--app=)", "", one).partition(":")[0] for one in arguments}
    return any(
        not (folder / f"{name.replace('.', '/')}.py").exists() for name in names & {BEAT_APP, WORKER_APP}
    )


if imports.cwd_in_path is not nullcontext and names_ours(sys.argv, Path()):  # else it was launched by us
    from mission_control.processes.launch import prefer_ours

    prefer_ours(sys.argv)
