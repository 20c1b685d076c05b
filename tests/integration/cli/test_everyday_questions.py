"""The everyday questions in docs/command-line.md, typed on one installation as they stand there."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from mission_control.dispatch.run_logs import LogLine
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.house.repository import ROOT
from tests.samples.ledger_runs import a_run, begun
from tests.stage.command_line import Answer, mc

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

PAGE = ROOT / "docs" / "command-line.md"
ROW = re.compile(r"^\| (?P<question>[^|`]+\?) \| `mission-control (?P<words>[^|]+)` \|$", re.MULTILINE)

# What must be in the answer to each question, and what must not.
ANSWERS = {
    "Is everything working?": ("no beat runs, so nothing fires", "OK"),
    "What is running right now?": ("report@2 .*running", "tea"),
    "What waits in the queue reports?": ("report@3 .*dispatched", "report@2"),
    "What failed since yesterday?": ("tea@0 .*failure .*no milk", "coffee"),
    "Why did tea fail?": (r"error +no milk", "report"),
    "What did it print?": ("the fridge is empty", "report"),
    "Can tea run again, with other params?": ("tea@manual-", "report"),
    "Can tea and coffee run now?": ("tea@manual-.*coffee@manual-", "report"),
    "Can all that failed within the last hour run again?": ("tea@manual-", "report"),
    "Which tasks run in the next hour?": (
        "in [0-9]+ .*  report$",
        "coffee",
    ),  # tea is in it from eight to nine
    "When does tea run next?": ("09:00:00", "report"),
    "Can tea be left out once?": ("tea@[0-9TZ]+: skipped", "report"),
    "Can all that waits in the queue reports be cancelled?": ("report@3: cancelled", "tea"),
    "Can everything of the queue reports stop until nine?": ("queue:reports", "coffee"),
    "What is paused, and why?": ("queue:reports .*09:00:00", "coffee"),
    "Can it go on again?": ("resumed what was paused", "coffee"),
    "Which tasks are disabled?": ("coffee .*disabled", "tea"),
    "Which tasks has the kitchen, and in which queues?": ("coffee .*default", "report"),
    "Can all tasks of the kitchen stop for good?": ("coffee: is already disabled.*tea: disabled", "report"),
    "Are four slots enough for the week, with these tasks too?": ("workers +4 runs at once", "coffee"),
    "When in the morning would tea meet the fewest other runs?": (r"^0[78]:\d\d +[0-9.]+ +\d+$", "report"),
    "How many slots start runs within a minute?": (r"slots? starts? 99 % of runs", "coffee"),
    "Would yesterday be decided alike today?": ("different +0$", "coffee"),
    "Who changed tea, and what?": (r"tags: .* → ", "report"),
    "What would this file change, and what does a day cost then?": ("~ tea.*    priority: 0 → 3", "report"),
    "How do I undo the last change of tea?": ("~ tea.*enabled: false → true", "report"),
    "How often did tea fail this week?": ("^0$", "tea"),
}


def questions() -> dict[str, str]:
    return {one["question"]: one["words"] for one in ROW.finditer(PAGE.read_text("utf-8"))}


def test_every_question_has_an_answer_here() -> None:
    assert list(questions()) == list(ANSWERS)
    assert len(ANSWERS) >= 20


@pytest.fixture
def kitchen(installation: Installation, bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> Installation:
    bare_environment.chdir(tmp_path)
    tea = {"id": "tea", "schedule": "daily 09:00", "handler": "handlers.hello.run"}
    (tmp_path / "tasks.yaml").write_text(
        "tasks: [{id: tea, schedule: daily 09:00, handler: handlers.hello.run, priority: 3, tags: [kitchen]}]"
    )
    report = {"id": "report", "schedule": "every 30m", "handler": "handlers.hello.run", "queue": "reports"}
    for one in (tea, report, {**tea, "id": "coffee", "enabled": False, "tags": ["kitchen"]}):
        assert installation.registry.register(one)
    installation.registry.update("tea", {"tags": ["kitchen"]})
    _enter_runs(installation)
    return installation


def _enter_runs(installation: Installation) -> None:
    ledger, now = installation.ledger, installation.clock()
    for name, queue in (
        ("tea@0", "default"),
        ("tea@1", "default"),
        ("report@2", "reports"),
        ("report@3", "reports"),
    ):
        ledger.dispatch(a_run(name, queue=queue, overlaps=True))
    ledger.end(begun(ledger, "tea@1"), RunState.SUCCESS, at=now)
    ended = ledger.end(begun(ledger, "tea@0"), RunState.FAILURE, at=now, error="no milk")
    assert ended is not None
    begun(ledger, "report@2")
    installation.client.zadd(redis_keys.task_runs("tea"), {"tea@0": now.timestamp()})  # the last of them
    line = LogLine(now, 1, "out", 1, "the fridge is empty")
    installation.client.rpush(redis_keys.run_log("tea@0"), line.to_text())


def test_everyday_question_is_answered_by_its_line(kitchen: Installation) -> None:
    assert kitchen.ledger.get("tea@0") is not None
    wrong = []
    for question, words in questions().items():
        answer = mc(*shlex.split(words))
        wanted, unwanted = ANSWERS[question]
        if answer.code != 0 or not fits(answer, wanted, unwanted):
            wrong.append(f"{question} {words}\n{answer.code}\n{answer.out}{answer.err}")
    assert not wrong, "\n\n".join(wrong)


def fits(answer: Answer, wanted: str, unwanted: str) -> bool:
    shown = answer.out + answer.err
    is_there = re.search(wanted, shown, re.DOTALL | re.MULTILINE) is not None
    return is_there and re.search(unwanted, answer.out) is None
