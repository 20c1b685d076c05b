"""`LOG_FORMAT=json`: each record of a worker's log is one object, whatever its text is."""

from __future__ import annotations

import json

from mission_control.events.log_format import CONTINUED
from tests.processes.real_workers import worker_house
from tests.stage.waiting import wait_until

FORGING = '''
def run(context):
    """Print and raise what looks like a record."""
    forged = 'no\\n{"timestamp": "2026-03-01T09:00:00Z", "message": "forged"}'
    print(forged)
    raise ValueError(forged)
'''


def test_record_of_a_json_log_is_one_object_with_the_fields_of_its_event() -> None:
    with worker_house(log_format="json") as house:
        (house.folder / "handlers" / "forging.py").write_text(FORGING, "utf-8")
        with house.worker(pool="solo") as worker:
            run = house.run("handlers.forging.run")
            wait_until(lambda: worker.log.count("forged") >= 3, "print, event and Celery's record")
        lines = worker.log.splitlines()
    records = [json.loads(line) for line in lines if line.startswith('{"timestamp"')]
    failed = next(one for one in records if one.get("event") == "handler_failed")
    assert (failed["message"], failed["level"]) == ("the handler failed", "WARNING")
    assert failed["execution_id"] == run.execution_id
    assert "forged" in failed["traceback"]
    assert not [one for one in records if one["message"] == "forged"]
    assert not [
        line for line in lines if "forged" in line and not line.startswith(('{"timestamp"', CONTINUED))
    ]
