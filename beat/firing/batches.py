"""Requests put together for one step each, bounded in every way in which a step can be too much."""

import time
from collections.abc import Iterable, Iterator
from typing import Final

from beat.firing.fire_request import FireRequest

BATCH: Final = 520
"""Entries a step: it blocks Redis for some 20 ms.

Redis makes a table at once of a hash that is given more than 512 fields (`hash-max-listpack-entries`). In a
list it would look through all of them for each.
"""

MOST_RUNS: Final = 1_000
"""Runs a step: after a downtime an entry may have hundreds."""

MOST_BYTES: Final = 4 * 1024 * 1024
"""Bytes a step: parameters may be large. One entry alone may have more."""

LONGEST_SECONDS: Final = 0.2
"""How long requests are made before those that are ready are committed: the lead must not run out."""


def batches(requests: Iterable[FireRequest | None]) -> Iterator[list[FireRequest]]:
    """Give the requests in batches, none empty; None stands for an entry that needs none."""
    batch: list[FireRequest] = []
    runs, size, ready_at = 0, 0, time.monotonic() + LONGEST_SECONDS
    for request in requests:
        if request is not None:
            batch.append(request)
            runs += request.run_count
            size += len(request.packed)
        is_full = len(batch) >= BATCH or runs >= MOST_RUNS or size >= MOST_BYTES
        if batch and (is_full or time.monotonic() >= ready_at):
            yield batch
            batch, runs, size, ready_at = [], 0, 0, time.monotonic() + LONGEST_SECONDS
    if batch:
        yield batch
