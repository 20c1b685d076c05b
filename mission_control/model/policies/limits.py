"""When a run may start by its named limits: slots, a rate, and turns. `limits.lua` computes the same."""


def fits(concurrency: int, *, used: int, called: int, weight: int) -> bool:
    """Whether a run gets its slots, of which others use, or were called to use, so many.

    A run that weighs more than there are slots takes all of them.

    >>> fits(4, used=2, called=1, weight=1), fits(4, used=2, called=1, weight=2)
    (True, False)
    >>> fits(1, used=0, called=0, weight=3)
    True
    """
    return used + called + min(weight, concurrency) <= concurrency


def next_start(arrival: float, now: float, *, interval: float, burst: int, weight: int) -> float:
    """Return when a run may start by GCRA, the generic cell rate algorithm.

    A token comes in each `interval`, and a run takes `weight` of them. `arrival` is the theoretical arrival
    time, the only thing that is kept: when all tokens that were taken have come in again (ITU-T I.371). All
    times are in Unix seconds; `now` means that the run may start at once.

    >>> next_start(0.0, 100.0, interval=2.0, burst=1, weight=1)  # nothing was taken
    100.0
    >>> next_start(102.0, 100.0, interval=2.0, burst=1, weight=1)
    102.0
    """
    return max(now, max(arrival, now) + (weight - max(burst, weight)) * interval)


def arrival_after(arrival: float, now: float, *, interval: float, weight: int) -> float:
    """Return the theoretical arrival time once a run that starts now has taken its tokens.

    >>> arrival_after(0.0, 100.0, interval=2.0, weight=1)
    102.0
    """
    return max(arrival, now) + weight * interval


def arrival_after_cooldown(arrival: float, until: float, *, interval: float, burst: int) -> float:
    """Return the arrival time with which nothing starts before `until`, and one run then, not a burst.

    >>> paused = arrival_after_cooldown(0.0, 160.0, interval=2.0, burst=5)
    >>> next_start(paused, 100.0, interval=2.0, burst=5, weight=1)
    160.0
    """
    return max(arrival, until + (burst - 1) * interval)


def next_turn(current: float, last: float) -> float:
    """Return the turn of a run that begins to wait for a slot, where the run called last had turn `current`.

    `last` is the latest turn of its group: the value of `per`, or else its task. So groups take turns.

    >>> next_turn(7, 9), next_turn(7, 3)
    (10, 8)
    """
    return max(current, last) + 1
