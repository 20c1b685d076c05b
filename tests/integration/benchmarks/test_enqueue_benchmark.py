"""The benchmark of producers, at a size that says nothing about speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.enqueue import compare_enqueue
from benchmarks.peers.environment import PeersMissingError

if TYPE_CHECKING:
    from pathlib import Path


def no_environment() -> Path:
    raise PeersMissingError("there is no network")


def test_ours_one_by_one_and_together_are_compared_with_apply_async() -> None:
    report = compare_enqueue(30, environment=no_environment).run(1, {}, None)
    for contender in ("ours", "ours_many", "apply_async"):
        assert report[contender]["calls_per_second"]["median"] > 0
        assert report[contender]["cpu_us_per_call"]["median"] > 0
        assert report[contender]["server_cpu_us_per_call"]["median"] > 0
    ours, stock = (report[name]["calls_per_second"]["median"] for name in ("ours", "apply_async"))
    assert abs(report["ratio"] - ours / stock) < 0.01 * report["ratio"]
    assert "there is no network" in report["left_out"]["why"]
