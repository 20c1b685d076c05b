from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "celery",
    "kombu",
    "redis",
    "redbeat",
    "fastapi",
    "pydantic",
    "structlog",
    "orjson",
    "holidays",
    "dateutil",
    "mcp",
    "uvicorn",
    "starlette",
)

PROBE = """
import json, sys
from mission_control.cli import main
sys.argv = ["mission-control", *sys.argv[1:]]
try:
    main() if len(sys.argv) > 1 else None
except SystemExit:
    pass
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--help"],
        ["task", "--help"],
        ["task", "add", "--help"],
        ["up", "--help"],
        ["demo", "--help"],
        ["mcp", "--help"],
        ["web", "--help"],
        ["statsu"],
    ],
    ids=[
        "import",
        "help",
        "help of a group",
        "help of a verb",
        "help of up",
        "help of demo",
        "help of mcp",
        "help of web",
        "a mistyped command",
    ],
)
def test_help_and_typos_load_no_heavy_module(args: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", PROBE, *args], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert [name for name in HEAVY if name in loaded] == []
