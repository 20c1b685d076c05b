"""What processes and all their children have cost."""

from __future__ import annotations

from collections.abc import Iterable

import psutil


def cpu_seconds(roots: Iterable[int]) -> float:
    """Return the CPU time, user's and system's, of processes with their children, living and waited for.

    A process that has ended counts nothing.
    """
    return sum(_of_tree(root) for root in roots)


def _of_tree(root: int) -> float:
    try:
        process = psutil.Process(root)
        return sum(_of_one(one) for one in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0.0


def _of_one(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # it ended meanwhile: its parent has its time, once it has waited for it
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
