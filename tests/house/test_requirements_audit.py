"""The audit of the locked requirements never takes "nothing audited" for "nothing found"."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.house.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = ROOT / ".ci" / "audit_requirements.py"
SOUND = {"name": "celery", "version": "5.7", "vulns": []}
SKIPPED = {"name": "kombu", "skip_reason": "Dependency not found and could not be audited: kombu (5.6)"}
HIT = {"name": "redis", "version": "8.1", "vulns": [{"id": "CVE-2026-1", "fix_versions": ["8.2"]}]}


@pytest.fixture
def script() -> Any:
    spec = importlib.util.spec_from_file_location("audit_requirements", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("found", "code", "text"),
    [
        ([SOUND], 0, "1 requirements, no known vulnerability"),
        ([], 3, "NOT AUDITED: 0 of 0 requirements"),
        ([SKIPPED], 3, "NOT AUDITED: 1 of 1 requirements (kombu, …); the index knows them not"),
        ([SOUND, SKIPPED], 3, "NOT AUDITED: 1 of 2 requirements"),
        ([HIT], 1, "known vulnerabilities: redis 8.1 (CVE-2026-1; fixed in 8.2)"),
        ([HIT, SKIPPED], 1, "redis 8.1 (CVE-2026-1; fixed in 8.2); NOT AUDITED: 1 of 2"),
    ],
)
def test_verdict_tells_what_was_not_audited(
    script: Any, found: list[dict[str, Any]], code: int, text: str
) -> None:
    verdict = script.verdict({"dependencies": found})
    assert verdict[0] == code
    assert text in verdict[1]


@pytest.mark.parametrize(
    ("stub", "code", "text"),
    [
        (f"print({json.dumps(json.dumps({'dependencies': [SOUND]}))})", 0, "no known vulnerability"),
        ("raise SystemExit('Name or service not known')", 3, "NOT AUDITED: Name or service not known"),
        ("raise SystemExit(2)", 3, "NOT AUDITED: "),
        ("print('no JSON')", 3, "NOT AUDITED: Expecting value"),
    ],
)
def test_audit_that_cannot_be_made_says_so_and_does_not_pass(
    script: Any, stub: str, code: int, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stub.py").write_text(stub)
    script.installed = lambda _folder: [sys.executable, str(tmp_path / "stub.py")]

    assert script.main() == code
    said = capsys.readouterr().out
    assert said.startswith("requirements.lock: ")
    assert text in said


def test_ci_passes_over_what_cannot_be_audited_and_nothing_else() -> None:
    line = next(one for one in (ROOT / ".ci" / "run").read_text().splitlines() if "audit_requirements" in one)
    for code, passes in {0: True, 1: False, 2: False, 3: True}.items():
        step = line.replace("python3 .ci/audit_requirements.py", f"(exit {code})")
        done = subprocess.run(["bash", "-euc", step], check=False)
        assert (done.returncode == 0) is passes
