"""The table of reruns in the docs, made by the function that chooses a backfill's occurrences."""

from __future__ import annotations

from mission_control.model.policies.backfill import is_run
from mission_control.model.runs.backfill_plan import Rerun
from mission_control.model.runs.run_state import ACTIVE_STATES, FINAL_STATES, RunState
from tests.house.repository import ROOT

PAGE = ROOT / "docs" / "task-definition.md"
FINAL = [one for one in RunState if one in FINAL_STATES]


def table() -> str:
    """Return the rows as they stand in the docs."""
    rows = ["| `--rerun` | no run | active | " + " | ".join(FINAL) + " |", "|---" * (3 + len(FINAL)) + "|"]
    for rerun in Rerun:
        active = {is_run(rerun, state) for state in ACTIVE_STATES}
        assert active == {False}
        cells = [is_run(rerun, None), False, *(is_run(rerun, state) for state in FINAL)]
        rows.append(f"| `{rerun}` | " + " | ".join("runs" if one else "-" for one in cells) + " |")
    return "\n".join(rows)


def test_table_of_reruns_in_the_docs_is_what_a_backfill_does() -> None:
    assert table() in PAGE.read_text("utf-8"), f"the table in docs/task-definition.md should be:\n{table()}"
