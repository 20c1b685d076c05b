"""`mission-control bench`: the repository's benchmarks."""

import subprocess
import sys
from pathlib import Path

import rich_click as click

from mission_control.errors import MissionControlError

_CHECKOUT = Path(__file__).resolve().parents[2]


@click.command("bench", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def bench(name: str, options: tuple[str, ...]) -> int:
    """Compare Mission Control with stock RedBeat, Celery and others on this machine.

    NAME is herd (many tasks due at one instant), latency (how late handlers start), worker (runs a second),
    enqueue (runs handed over a second) or audit (appending to, verifying and searching a large file). OPTIONS
    are those that `python -m benchmarks --help` lists, such as --rounds and --only.

    Runs the code in `benchmarks/`, which only a checkout of the repository has. Each measurement has its own
    Redis server and touches none of your tasks. Prints JSON with `ours`, the others and `ratio`.
    """
    if not (_CHECKOUT / "benchmarks" / "__main__.py").is_file():
        raise MissionControlError(
            "the installed package has no benchmarks: clone the repository and run `./mc bench` there"
        )
    command = [sys.executable, "-m", "benchmarks", name, *options]
    return subprocess.run(command, cwd=_CHECKOUT, check=False).returncode  # noqa: S603  # our own command line
