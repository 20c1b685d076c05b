"""Children of a pool that end by themselves while handlers are loaded again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import billiard

from workers.process.reload import _end_after_its_run


def pool_with(descriptor: int) -> Any:
    inner = SimpleNamespace(_all_inqueues={descriptor}, _active_writes=set(), _busy_workers={descriptor})
    return SimpleNamespace(_pool=inner)


def child_with_queue() -> Any:
    queue = billiard.get_context("fork").SimpleQueue()
    return SimpleNamespace(inq=queue, inqW_fd=queue._writer.fileno())


def test_child_that_has_ended_is_done_with_and_its_descriptor_is_left_to_the_next_child() -> None:
    child = child_with_queue()
    pool = pool_with(child.inqW_fd)
    child.inq._reader.close()
    child.inq._writer.close()
    assert _end_after_its_run(pool, child)
    assert pool._pool._all_inqueues == {child.inqW_fd}


def test_child_that_is_ending_is_done_with() -> None:
    child = child_with_queue()
    pool = pool_with(child.inqW_fd)
    child.inq._reader.close()
    assert _end_after_its_run(pool, child)
    assert pool._pool._all_inqueues == set()
    child.inq._writer.close()


def test_living_child_gets_no_other_run_and_is_asked_to_end() -> None:
    child = child_with_queue()
    pool = pool_with(child.inqW_fd)
    assert _end_after_its_run(pool, child)
    assert (pool._pool._all_inqueues, pool._pool._busy_workers) == (set(), set())
    assert child.inq.get() is None
    child.inq._reader.close()
    child.inq._writer.close()
