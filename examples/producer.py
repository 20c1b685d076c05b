"""A producer: register a task, run it once right now, and wait for the result.

Start beat and a worker first (`./mc up -d`), then: `.venv/bin/python examples/producer.py`
"""

# ruff: noqa: INP001, T201  # a script that prints
from __future__ import annotations

import sys

from mission_control import InvalidTaskError, StoreUnavailableError, enqueue, get_task, register_task

TASK = {
    "id": "greet_ada",
    "schedule": {"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"},
    "handler": "handlers.hello.run",
    "params": {"name": "Ada"},
    "retry_policy": {"max_retries": 3, "retry_delay_seconds": 60},
}


def main() -> int:
    """Return the exit code."""
    try:
        print("registered" if register_task(TASK) else "was already registered")
        task = get_task("greet_ada")
        print("next run:", None if task is None else task["execution_history"]["next_run"])
        run = enqueue("greet_ada", {"name": "Ada, at once"})
        print("sent:", run.execution_id)
        result = run.wait(timeout=30)
    except InvalidTaskError as error:
        print(error, file=sys.stderr)  # every problem with the task, one a line
        return 2
    except (StoreUnavailableError, TimeoutError) as error:
        print(error, file=sys.stderr)  # no Redis, or no worker
        return 1
    print(result["status"], "-", result["output"])
    return 0 if result["status"] == "success" else 1


if __name__ == "__main__":
    sys.exit(main())
