"""Run the tests of some modules against mutants of their functions: one process forked for each.

The tests are collected once. One line of JSON is printed for each mutant: what it is, and if it was caught.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.mutants import Mutant, mutants_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LONGEST_SECONDS = 20


class Mutation:
    """A plugin of pytest that runs what was collected once for each mutant, until a test fails."""

    def __init__(self, mutants: Sequence[Mutant], report: Callable[[str], object]) -> None:
        self.mutants = mutants
        self.report = report

    @pytest.hookimpl
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for mutant in self.mutants:
            items = [one for one in session.items if _concerns(one, mutant.module)]
            pid = os.fork()
            if pid == 0:
                os._exit(_is_caught(mutant, items))
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            self.report(json.dumps([mutant.module, mutant.function, str(mutant), code != 0]))
        return True


def _is_caught(mutant: Mutant, items: Sequence[pytest.Item]) -> bool:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LONGEST_SECONDS)  # an endless loop is noticed, too
    mutant.install()
    return any(report.failed for one in items for report in runtestprotocol(one, log=False, nextitem=None))


def _concerns(item: pytest.Item, module: str) -> bool:
    """Whether a test names the module, which it then imports."""
    name = module.rpartition(".")[2]
    if "doctest" in item.nodeid:
        return module in item.nodeid
    return f"{module} import" in _source(item.path) or f"import {name}\n" in _source(item.path)


def _source(path: Path, known: dict[Path, str] = {}) -> str:  # noqa: B006  # a cache
    if path not in known:
        known[path] = path.read_text("utf-8")
    return known[path]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--modules", nargs="+", required=True)
    options.add_argument("--tests", nargs="+", required=True)
    options.add_argument(
        "--sample", type=int, default=0, help="first mutants of so many functions, 0 for all"
    )
    given = options.parse_args()
    mutants = [one for module in given.modules for one in mutants_of(module)]
    if given.sample:
        firsts = [one for one in mutants if one.number == 0]
        mutants = firsts[:: max(1, len(firsts) // given.sample)]
    answers = os.dup(sys.stdout.fileno())  # pytest captures that
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    plugin = Mutation(mutants, lambda line: os.write(answers, line.encode() + b"\n"))
    sys.exit(pytest.main(["-q", "-n0", "-p", "no:cacheprovider", *given.tests], plugins=[plugin]))


if __name__ == "__main__":
    main()
