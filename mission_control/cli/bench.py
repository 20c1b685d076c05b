"""`mission-control bench`: the repository's benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import rich_click as click

from mission_control.errors import MissionControlError

_CHECKOUT = Path(__file__).resolve().parents[2]


@click.group("bench")
def bench() -> None:
    """Measure Mission Control beside stock RedBeat, on this machine.

    Runs the code in `benchmarks/`, which only a checkout of the repository has. Each measurement has a
    Redis server of its own; no task of yours is touched. stdout has JSON with `ours`, `stock` and `ratio`.
    """


_rounds = click.option(
    "--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="How often each is measured."
)
_only = click.option("--only", type=click.Choice(["ours", "stock"]), help="Measure one of them; no ratio.")


@bench.command("herd")
@click.option(
    "--tasks", type=click.IntRange(min=1), default=10_000, show_default=True, help="How many are due."
)
@_rounds
@_only
def herd(tasks: int, rounds: int, only: str | None) -> None:
    """Have many tasks fall due at one instant: fires per second, memory, round trips."""
    _run("herd", "--tasks", str(tasks), rounds=rounds, only=only)


@bench.command("latency")
@click.option(
    "--seconds", type=click.IntRange(min=1), default=30, show_default=True, help="How many occurrences."
)
@_rounds
@_only
def latency(seconds: int, rounds: int, only: str | None) -> None:
    """Have one task fall due each second: how late its handler starts."""
    _run("latency", "--seconds", str(seconds), rounds=rounds, only=only)


def _run(*arguments: str, rounds: int, only: str | None) -> None:
    """Run a benchmark in a process of its own and end with its exit code.

    Raises:
        MissionControlError: there are no benchmarks here.
    """
    if not (_CHECKOUT / "benchmarks" / "__main__.py").is_file():
        raise MissionControlError(
            "the benchmarks are not part of the installed package: clone the repository and run "
            "`./mc bench` there"
        )
    command = [sys.executable, "-m", "benchmarks", *arguments, "--rounds", str(rounds)]
    if only is not None:
        command += ["--only", only]
    ended = subprocess.run(command, cwd=_CHECKOUT, check=False)  # noqa: S603  # our own command line
    if ended.returncode:
        raise MissionControlError("the benchmark did not come to an end; see above")
