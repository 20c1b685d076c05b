"""The benchmark of workers, at a size that says nothing about speed; and that it fails when it should."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import suite
from benchmarks.marks import MARKS_VARIABLE
from benchmarks.our_worker import OurWorker
from benchmarks.peers.environment import PeersMissingError, peers_environment, peers_versions
from benchmarks.peers.known import NAMES
from benchmarks.place import MeasurementError, Place
from benchmarks.run_contender import Pool
from benchmarks.worker import Moment, figures, measure_worker
from benchmarks.worker_contenders import compare_workers
from mission_control.processes.service_process import ServiceCommand
from tests.processes.forked import forked_services

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mission_control.processes.service_process import ServiceProcess

pytestmark = pytest.mark.starts_early(100)

RUNS = 150


def no_environment() -> Path:
    raise PeersMissingError("there is no network")


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    comparison = compare_workers(RUNS, Pool(), environment=no_environment)
    with forked_services():
        return comparison.run(1, {}, None)


def median(report: dict[str, Any], contender: str, figure: str) -> float:
    return float(report[contender][figure]["median"])


def test_ours_is_compared_with_a_bare_worker_with_and_without_events(report: dict[str, Any]) -> None:
    ours, bare, silent = (
        median(report, contender, "runs_per_second") for contender in ("ours", "bare", "bare_without_events")
    )
    assert report["ratio"] == pytest.approx(ours / bare, rel=0.01)
    assert report["ratios"]["bare_without_events"] == pytest.approx(ours / silent, rel=0.01)
    assert report["load"] == {"runs": RUNS, "pool": "prefork", "concurrency": 2}


def test_run_costs_at_most_three_round_trips_more_than_on_a_bare_worker(report: dict[str, Any]) -> None:
    ours, bare = (median(report, contender, "round_trips_per_run") for contender in ("ours", "bare"))
    assert ours <= bare + 3


def test_signed_runs_are_measured_next_to_unsigned_ones_and_their_cost_is_reported(
    report: dict[str, Any],
) -> None:
    plain, signed = (median(report, one, "runs_per_second") for one in ("ours", "ours_signed"))
    assert report["ratios"]["ours_signed"] == pytest.approx(plain / signed, rel=0.01)


def test_worker_cpu_counts_all_its_processes(report: dict[str, Any]) -> None:
    for contender in ("ours", "bare"):
        assert median(report, contender, "cpu_ms_per_run") > 0


def test_peers_that_cannot_be_installed_are_left_out_and_the_report_says_why(report: dict[str, Any]) -> None:
    assert report["left_out"] == {"contenders": list(NAMES), "why": "there is no network"}


@pytest.mark.parametrize("kind", ["threads", "solo"])
def test_other_pools_are_compared_with_a_bare_worker_of_the_same_kind(kind: str) -> None:
    comparison = compare_workers(RUNS, Pool(kind, 1), environment=no_environment)
    with forked_services():
        assert comparison.run(1, {}, ["ours", "bare"])["ratio"] > 0


def test_load_that_is_over_before_the_first_look_is_no_measure() -> None:
    moment = Moment(1.0, 24, 0.9, 0.1, 250)
    with pytest.raises(MeasurementError, match="all 24 runs were over before the first was seen"):
        figures(moment, moment)


def test_unknown_contender_is_refused_with_the_names_of_the_known_ones() -> None:
    comparison = compare_workers(20, Pool("solo", 1))
    with pytest.raises(
        MeasurementError,
        match="no contender is called rq; there are ours, ours_signed, ours_with_one_limit, ",
    ):
        comparison.run(1, {}, ["rq"])


def test_run_without_ledger_and_audit_trace_fails_the_benchmark() -> None:
    with Place() as place, pytest.raises(MeasurementError) as failure:
        OurWorker(Pool()).check(place, 3)
    assert str(failure.value) == "3 runs short in the history, 3 runs short in the audit stream"


@dataclass
class Pretender:
    """A contender whose worker marks a given number of runs, and then obeys `then`."""

    marks: int
    then: str

    def fill(self, _place: Place, _runs: int) -> None:
        """Send nothing."""

    def start(self, place: Place) -> Sequence[ServiceProcess]:
        code = f"open({str(place.marks)!r}, 'w').write('.' * {self.marks}); {self.then}"
        command = ServiceCommand("pretender", [sys.executable, "-c", code])
        return [place.start(command, {MARKS_VARIABLE: str(place.marks)})]

    def left(self, _place: Place) -> int:
        return 0

    def check(self, _place: Place, _runs: int) -> None:
        raise AssertionError("an earlier check has to fail")


def test_doubled_run_fails_the_benchmark() -> None:
    with pytest.raises(MeasurementError, match="13 runs were carried out instead of 12"):
        measure_worker(Pretender(13, "import signal; signal.pause()"), 10)


def test_worker_that_ends_early_fails_the_benchmark_with_its_log() -> None:
    with pytest.raises(MeasurementError, match=r"5 runs were carried out instead of 12\n.*so sorry"):
        measure_worker(Pretender(5, "raise SystemExit('so sorry')"), 10)


def test_audit_benchmark_finds_what_it_wrote_and_reports_times() -> None:
    figures = suite.audit(2_000).run(1, {}, None)["ours"]
    assert all(spread["median"] > 0 for spread in figures.values())
    assert figures.keys() >= {"append_us", "verify_records_per_second", "tail_of_a_task_ms"}


def test_failed_environment_reports_the_installers_output(tmp_path: Path) -> None:
    lock = tmp_path / "bad.lock"
    lock.write_text("this is no requirement\n")
    with pytest.raises(PeersMissingError, match=r"cannot be installed from bad\.lock: .*requirement"):
        peers_environment(lock, tmp_path / "venv")


def test_peers_have_their_locked_versions() -> None:
    assert peers_versions().keys() >= set(NAMES)
