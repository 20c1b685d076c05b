"""The benchmark of registering, at a size that says nothing about speed."""

from __future__ import annotations

from benchmarks.register import compare_register


def test_task_file_is_compared_with_entries_of_redbeat() -> None:
    report = compare_register(8).run(1, {}, None)

    assert report["ours"]["unchanged_seconds"]["median"] > 0
    ours, stock = (report[name]["seconds"]["median"] for name in ("ours", "redbeat"))
    assert abs(report["ratio"] - stock / ours) < 0.01 * report["ratio"]
