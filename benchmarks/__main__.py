"""`python -m benchmarks <name>`: measure, print the report as JSON, keep it in `benchmarks/results/`.

Data go to stdout, progress and a table for people to stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import suite
from benchmarks.place import MeasurementError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.comparison import Comparison, Report

RESULTS: Final = Path(__file__).parent / "results"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark, or all of them at moderate sizes, and return the exit code."""
    options = _parser().parse_args(argv)
    names = _ALL if options.name == "all" else (options.name,)
    for name in names:
        try:
            report = _run(name, options)
        except MeasurementError as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            return 1
        _keep(report)
        _show(report)
        print(json.dumps(report, indent=2), flush=True)
    return 0


_ALL: Final = ("herd", "latency", "wake-up", "idle", "failover")


def _run(name: str, options: argparse.Namespace) -> Report:
    arguments: dict[str, Any] = {
        key: value
        for key, value in vars(options).items()
        if value is not None and key not in ("name", "rounds", "only")
    }
    return _comparison(name, arguments).run(options.rounds, arguments, options.only)


def _comparison(name: str, given: dict[str, Any]) -> Comparison:
    match name:
        case "herd":
            return suite.herd(given.get("tasks", 10_000), **_lead(given))
        case "latency":
            return suite.latency(int(given.get("seconds", 30)), **_lead(given))
        case "wake-up":
            return suite.wake_up(given.get("seconds", 10.0))
        case "idle":
            return suite.idle(given.get("tasks", 100_000), given.get("seconds", 30.0))
        case _:
            return suite.failover()


def _lead(given: dict[str, Any]) -> dict[str, float]:
    return {"lead_seconds": given["lead"]} if "lead" in given else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("name", choices=[*_ALL, "all"])
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--only", choices=["ours", "stock"], help="measure one of the two; then no ratio")
    parser.add_argument("--tasks", type=int, help="herd: due at once (10000); idle: far ahead (100000)")
    parser.add_argument(
        "--seconds", type=float, help="latency: occurrences (30); idle: how long (30); wake-up: patience (10)"
    )
    parser.add_argument("--lead", type=float, help="herd, latency: seconds for seeding and starting")
    return parser


def _keep(report: Report) -> None:
    RESULTS.mkdir(exist_ok=True)
    stamp = report["began"].partition(".")[0].rstrip("Z").replace(":", "")
    (RESULTS / f"{report['benchmark']}-{stamp}Z.json").write_text(json.dumps(report, indent=2) + "\n")


def _show(report: Report) -> None:
    for contender, figures in report.items():
        if isinstance(figures, dict) and contender not in ("arguments", "machine"):
            for name, spread in figures.items():
                line = f"{spread['median']:>10g}  {spread['min']:g}-{spread['max']:g}"
                print(f"{report['benchmark']:9} {contender:23} {name:27} {line}", file=sys.stderr)
    bound = "at least " if report.get("ratio_is_at_least") else ""
    print(f"{report['benchmark']:9} ratio of {report['measure']}: {bound}{report['ratio']}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
