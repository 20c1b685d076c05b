"""`mission-control bench`: the repository's benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from mission_control.errors import MissionControlError

if TYPE_CHECKING:
    from collections.abc import Iterable

_at_least_one = click.IntRange(min=1)
_CHECKOUT = Path(__file__).resolve().parents[2]


@click.group("bench")
def bench() -> None:
    """Compare Mission Control with stock RedBeat, Celery and others on this machine.

    Runs the code in `benchmarks/`, which only a checkout of the repository has. Each measurement has its own
    Redis server and touches none of your tasks. Prints JSON with `ours`, the others and `ratio`.
    """


_rounds = click.option(
    "--rounds", type=_at_least_one, default=3, show_default=True, help="How many times each is measured."
)
_only = click.option(
    "--only", multiple=True, type=click.Choice(["ours", "stock"]), help="Measure one of them; no ratio."
)


@bench.command("herd")
@click.option("--tasks", type=_at_least_one, default=10_000, show_default=True, help="How many are due.")
@_rounds
@_only
def herd(tasks: int, rounds: int, only: tuple[str, ...]) -> None:
    """Make many tasks due at one instant: fires per second, memory, round trips."""
    _run("herd", "--tasks", str(tasks), rounds=rounds, only=only)


@bench.command("latency")
@click.option("--seconds", type=_at_least_one, default=30, show_default=True, help="How many occurrences.")
@_rounds
@_only
def latency(seconds: int, rounds: int, only: tuple[str, ...]) -> None:
    """Make one task due each second: how late its handler starts."""
    _run("latency", "--seconds", str(seconds), rounds=rounds, only=only)


@bench.command("worker")
@click.option(
    "--runs", type=_at_least_one, default=5_000, show_default=True, help="How many runs are measured."
)
@click.option(
    "--pool",
    type=click.Choice(["prefork", "threads", "solo"]),
    default="prefork",
    show_default=True,
    help="Celery's pool; only prefork compares with other task queues.",
)
@click.option(
    "--concurrency", type=_at_least_one, default=2, show_default=True, help="How many runs at once."
)
@_rounds
@click.option("--only", multiple=True, help="Measure this one: ours, bare, dramatiq, …; repeatable.")
def worker(runs: int, pool: str, concurrency: int, rounds: int, only: tuple[str, ...]) -> None:
    """Run handlers that do nothing: runs per second, CPU time and round trips of each.

    Compares with a bare Celery worker and, in the prefork pool, with other task queues, which it installs
    into `.venv-peers` in the checkout.
    """
    sizes = ("--runs", str(runs), "--pool", pool, "--concurrency", str(concurrency))
    _run("worker", *sizes, rounds=rounds, only=only)


@bench.command("audit")
@click.option(
    "--records", type=_at_least_one, default=1_000_000, show_default=True, help="How many are in the file."
)
@_rounds
def audit(records: int, rounds: int) -> None:
    """Append to, verify, and search a large audit file."""
    _run("audit", "--records", str(records), rounds=rounds)


def _run(*arguments: str, rounds: int, only: Iterable[str] = ()) -> None:
    """Run a benchmark in its own process.

    Raises:
        MissionControlError: there are no benchmarks here, or this one failed.
    """
    if not (_CHECKOUT / "benchmarks" / "__main__.py").is_file():
        raise MissionControlError(
            "the installed package has no benchmarks: clone the repository and run `./mc bench` there"
        )
    command = [sys.executable, "-m", "benchmarks", *arguments, "--rounds", str(rounds)]
    for name in only:
        command += ["--only", name]
    ended = subprocess.run(command, cwd=_CHECKOUT, check=False)  # noqa: S603  # our own command line
    if ended.returncode:
        raise MissionControlError("the benchmark failed; see above")
