"""`python -m benchmarks <name>`: measure, print the report as JSON, keep it in `benchmarks/results/`.

Data go to stdout, progress and a table for people to stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import suite
from benchmarks.comparison import Comparison, Report
from benchmarks.enqueue import compare_enqueue
from benchmarks.place import MeasurementError
from benchmarks.register import compare_register
from benchmarks.run_contender import Pool
from benchmarks.worker_contenders import compare_workers

RESULTS: Final = Path(__file__).parent / "results"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark, or all of them at moderate sizes, and return the exit code."""
    options = _parser().parse_args(argv)
    names = tuple(_BENCHMARKS) if options.name == "all" else (options.name,)
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


def _run(name: str, options: argparse.Namespace) -> Report:
    arguments: dict[str, Any] = {
        key: value
        for key, value in vars(options).items()
        if value is not None and key not in ("name", "rounds", "only")
    }
    return _BENCHMARKS[name](arguments, options.only).run(options.rounds, arguments, options.only)


def _lead(given: dict[str, Any]) -> dict[str, float]:
    return {"lead_seconds": given["lead"]} if "lead" in given else {}


def _worker(given: dict[str, Any], only: Sequence[str] | None) -> Comparison:
    pool = Pool(given.get("pool", "prefork"), given.get("concurrency", 2))
    return compare_workers(given.get("runs", 5_000), pool, only)


_BENCHMARKS: Final[dict[str, Callable[[dict[str, Any], Sequence[str] | None], Comparison]]] = {
    "herd": lambda given, _: suite.herd(given.get("tasks", 10_000), **_lead(given)),
    "latency": lambda given, _: suite.latency(int(given.get("seconds", 30)), **_lead(given)),
    "wake-up": lambda given, _: suite.wake_up(given.get("seconds", 10.0)),
    "idle": lambda given, _: suite.idle(given.get("tasks", 100_000), given.get("seconds", 30.0)),
    "failover": lambda *_: suite.failover(),
    "worker": _worker,
    "enqueue": lambda given, only: compare_enqueue(given.get("runs", 5_000), only),
    "register": lambda given, _: compare_register(given.get("tasks", 10_000)),
    "backfill": lambda given, _: suite.backfill(given.get("tasks", 1_000), given.get("seconds", 60.0)),
    "audit": lambda given, _: suite.audit(given.get("records", 1_000_000)),
    "pages": lambda given, _: suite.pages(given.get("tasks", 1_000), given.get("runs", 1_000_000)),
    "open-pages": lambda given, _: suite.open_pages(given.get("pages", 1_000), given.get("seconds", 60.0)),
    "history": lambda given, _: suite.history(given.get("records", 10_000_000)),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("name", choices=[*_BENCHMARKS, "all"])
    parser.add_argument("--rounds", type=_at_least_one, default=3, help="how often each is measured (3)")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="measure this contender (ours, stock, …); repeatable"
    )
    parser.add_argument(
        "--tasks",
        type=_at_least_one,
        help="herd: due at once (10000); idle: far ahead (100000); backfill: occurrences (1000)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        help="latency: occurrences (30); idle: how long (30); wake-up: patience (10); "
        "backfill: at least (60)",
    )
    parser.add_argument("--runs", type=_at_least_one, help="worker, enqueue: how many are measured (5000)")
    parser.add_argument("--pool", choices=["prefork", "threads", "solo"], help="worker: which (prefork)")
    parser.add_argument("--concurrency", type=_at_least_one, help="worker: how many runs at once (2)")
    parser.add_argument("--records", type=_at_least_one, help="audit: how many are in the file (1000000)")
    parser.add_argument("--pages", type=_at_least_one, help="open-pages: how many are open (1000)")
    parser.add_argument("--lead", type=float, help="herd, latency: seconds for seeding and starting")
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _keep(report: Report) -> None:
    RESULTS.mkdir(exist_ok=True)
    stamp = report["began"].partition(".")[0].rstrip("Z").replace(":", "")
    (RESULTS / f"{report['benchmark']}-{stamp}Z.json").write_text(json.dumps(report, indent=2) + "\n")


def _show(report: Report) -> None:
    name = report["benchmark"]
    for contender, figures in report.items():
        if isinstance(figures, dict) and contender not in _NO_CONTENDERS:
            for figure, spread in figures.items():
                line = f"{spread['median']:>10g}  {spread['min']:g}-{spread['max']:g}"
                print(f"{name:9} {contender:23} {figure:27} {line}", file=sys.stderr)
    ratios = {report["measure"]: report["ratio"], **report.get("ratios", {})}
    bound = "at least " if report.get("ratio_is_at_least") else ""
    for what, ratio in ratios.items():
        if ratio is not None:
            print(f"{name:9} ratio, {what}: {bound}{ratio}", file=sys.stderr)


_NO_CONTENDERS: Final = ("arguments", "machine", "ratios", "peers", "left_out", "load")


if __name__ == "__main__":
    sys.exit(main())
