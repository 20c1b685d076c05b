"""Kinds of work for workers under chaos, and the handler that does them and writes down what becomes of it.

Each begin and end of an attempt is one line of a file that neither ledger nor audit stream knows of. Whether
a run is under way twice is the kernel's word: a handler holds a lock that its process takes into death.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HANDLER = "handlers.chaos.work"
SOURCE = '''
    """A handler that writes down what becomes of it, outside of ledger and audit stream."""
    import fcntl, json, os, time
    from pathlib import Path


    def work(context):
        """Take some time, and fail as often as the params say."""
        params = context["params"]
        with (Path(params["folder"]) / "locks" / context["execution_id"]).open("a") as lock:
            note(context, "begin")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note(context, "overlap")
            try:
                result = do(context, params)
            except BaseException:
                note(context, "failure")
                raise
            note(context, "success")
        return result


    def do(context, params):
        if params["has_effect"] and context["once"]("effect"):
            note(context, "effect")
        if params["spends"]:
            context["spend"](tokens=params["spends"])
            note(context, "spent")
        time.sleep(params["seconds"])
        if context["attempt"] <= params["failures"]:
            raise ConnectionError("not yet")
        return {"status": "success", "output": context["attempt"], "error": None}


    def note(context, what):
        line = json.dumps([context["execution_id"], context["attempt"], what, time.time(), os.getpid()])
        file = os.open(context["params"]["folder"] + "/notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, line.encode() + b"\\n")
        finally:
            os.close(file)
'''

What = Literal["begin", "overlap", "effect", "spent", "failure", "success"]


@dataclass(frozen=True)
class Work:
    """A kind of work: the longest it takes, how many of its attempts fail, how many may follow the first.

    `is_limited`: it takes a slot of the limit. `skipped_for`: it must not run, because that run ended so.
    Each attempt `spends` so many tokens of the `budget`, which may keep it from running.
    """

    longest_seconds: float = 0.0
    failures: int = 0
    has_effect: bool = False
    max_retries: int = 10  # more than chaos will take
    is_limited: bool = False
    spends: int = 0
    budget: str | None = None
    skipped_for: str | None = None

    @property
    def is_hopeless(self) -> bool:
        """Whether all its attempts fail."""
        return self.failures > self.max_retries


KINDS = (
    Work(),
    Work(longest_seconds=0.5),
    Work(longest_seconds=0.5),
    Work(longest_seconds=0.2, failures=1),
    Work(failures=2),
    Work(failures=3, max_retries=2),
    Work(longest_seconds=0.3, failures=1, has_effect=True),
    Work(longest_seconds=0.5, is_limited=True),
    Work(longest_seconds=0.2, failures=1, is_limited=True),
)
SPENDING = (Work(longest_seconds=0.5, spends=10), Work(longest_seconds=0.3, spends=5, failures=1))
LIMIT, CONCURRENCY = "chaos", 2
BUDGET, CAP = "chaos", 60
"""What the names of budgets begin with, and the tokens that each has, for the whole time."""

SHARE = 12
"""How many occurrences share a budget: more than it has tokens for."""
PIPELINE = 4
"""How many occurrences a pipeline has: the root, what follows its success, a join of both, and its alarm."""


@dataclass(frozen=True)
class Note:
    """What a handler wrote down, when (Unix seconds), and in which process."""

    execution_id: str
    attempt: int
    what: What
    at: float
    pid: int
