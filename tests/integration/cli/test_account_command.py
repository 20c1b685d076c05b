"""`mission-control account`, and `audit verify --account`, on the command line."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.audit.stream.chain import Anchor
from mission_control.audit.stream.reader import read_all
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.instants import format_instant
from mission_control.operate.account import gathering
from mission_control.store import redis_keys
from tests.processes.beats import leading_beat
from tests.samples.accounted_day import DAY, HOUR, AccountedDay, hours
from tests.stage.command_line import mc
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

ON_DAY = ("--day", "2026-03-02", "--files-only")


@pytest.fixture
def day(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> AccountedDay:
    """A day's streams in the data directory, without Redis."""
    bare_environment.setenv("MISSION_CONTROL_DATA_DIR", str(tmp_path / "data"))
    day = AccountedDay(tmp_path / "data")
    day.change("registered", DAY - 12 * HOUR)
    for at in hours(0, 23):
        day.end(at)
    return day


def test_account_of_a_real_beat_is_signed_and_finds_what_is_done_to_redis_and_files(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gathering, "DUE_BEFORE", timedelta(0))  # no waiting for a minute
    key, file, path = tmp_path / "audit.key", tmp_path / "account.json", installation.audit.path
    assert mc("audit", "keygen", str(key)).code == 0
    monkeypatch.setenv("MISSION_CONTROL_AUDIT_KEY", str(key))
    begin = datetime.now(UTC)
    every_second = {"type": "interval", "seconds": 1}
    assert installation.registry.register(
        {"id": "tea", "schedule": every_second, "handler": "handlers.hello.run"}
    )
    assert mc("pause", "tea").code == 0  # beat skips each, with a final record
    with leading_beat(installation):
        records = wait_until(
            lambda: path.exists() and (found := [*read_all(path)])[2:] and found, "3 records"
        )
    assert records
    assert installation.registry.disable("tea")
    until = datetime.fromisoformat(max(one["scheduled_time"] for one in read_all(path))) + timedelta(
        seconds=1
    )
    wait_until(lambda: datetime.now(UTC) > until, "the span is over")
    span = ("--from", format_instant(begin), "--to", format_instant(until))
    answer = mc("account", *span, "--out", str(file), "--sign", "--json")
    assert (answer.code, answer.json["unaccounted"]) == (0, []), answer.out
    assert answer.json["expected"] == sum(answer.json["explained"].values()) >= 3

    verify = ("audit", "verify", "--account", str(file), "--public-key", f"{key}.pub", "--json")
    sound = mc(*verify)
    assert (sound.code, sound.json["sound"]) == (0, True), sound.out
    assert sound.json["streams"].keys() == {"account", "runs", "changes", "redis"}
    name, writer = records[-1]["execution_id"], records[-1]["writer"]
    path.write_bytes(path.read_bytes().replace(b'"skipped"', b'"success"'))
    installation.client.hset(redis_keys.run(name), "state", RunState.SUCCESS)
    forged = Anchor(records[-1]["seq"], "0" * 64, 0, 1, str(path.resolve()))
    installation.client.hset(redis_keys.AUDIT_ANCHORS, writer, forged.to_text())
    found = mc(*verify)
    assert (found.code, found.json["sound"]) == (1, False)
    assert found.json["streams"]["runs"]["counts"]["changed"] >= 1


def test_account_lists_what_is_unaccounted_and_ends_with_1(day: AccountedDay) -> None:
    answer = mc("account", *ON_DAY)
    assert answer.code == 1
    assert "expected 24 = done 23 + explained 0 + unaccounted 1\n" in answer.out
    assert "unaccounted: 1 occurrence\n  tea@20260302T230000Z\n" in answer.out
    day.end(DAY + 23 * HOUR)
    whole = mc("account", *ON_DAY)
    assert (whole.code, whole.out.splitlines()[-1]) == (0, "nothing unaccounted")


@pytest.mark.usefixtures("day")
def test_day_is_one_of_the_users_own_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_TIMEZONE", "Europe/Berlin")
    found = mc("account", *ON_DAY, "--json").json
    assert (found["since"], found["until"]) == ("2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z")
    assert found["unaccounted"] == ["tea@20260301T230000Z"]  # a day later by the clock of UTC


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--day", "2600-01-01"], 2, "is in the future; ask for a time that has passed"),
        (["--day", "2020-01-01"], 2, "the first task was registered at 2026-03-01 12:00:00"),
        (["--from", "2026-03-03", "--to", "2026-03-02"], 2, "--to is not after --from"),
        (["--from", "2020-01-01", "--to", "2026-03-02"], 2, "longer than a year of 366 days"),
        (["--day", "2026-03-02", "--from", "2026-03-02"], 2, "Give --day, or --from and --to"),
        (["--to", "2026-03-02"], 2, "--to needs --from"),
        (["--day", "noonish"], 2, "noonish"),
        (["--day", "2026-03-02", "--sign"], 2, "--sign and --publish need --out"),
        (["--day", "2026-03-02", "--sign", "--out", "a"], 2, "--sign needs MISSION_CONTROL_AUDIT_KEY"),
        (
            ["--day", "2026-03-02", "--publish", "--out", "a"],
            2,
            "--publish needs MISSION_CONTROL_ACCOUNT_COMMAND",
        ),
        (["--day", "2026-03-02", "-C", "elsewhere"], 2, "no task was ever registered here"),
    ],
)
def test_what_cannot_be_accounted_for_is_refused_with_the_remedy(
    args: list[str], code: int, words: str
) -> None:
    answer = mc("account", *args, "--files-only")
    assert (answer.code, words in answer.err.replace("\n", " ")) == (code, True), answer.err


@pytest.mark.usefixtures("day")
def test_key_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_AUDIT_KEY", "/nowhere/audit.key")
    answer = mc("account", *ON_DAY, "--out", "account.json", "--sign")
    assert (answer.code, "MISSION_CONTROL_AUDIT_KEY: /nowhere/audit.key" in answer.err) == (2, True)


PUBLISH = "import sys,pathlib; pathlib.Path(sys.argv[1] + '.seen').write_bytes(sys.stdin.buffer.read())"


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ([sys.executable, "-c", PUBLISH, "{file}"], 1, "published"),
        (
            [sys.executable, "-c", "import sys; sys.exit('the remote hung up')"],
            7,
            "it ended with 1: the remote hung up",
        ),
        (["/nowhere/publish"], 7, "No such file or directory: '/nowhere/publish'"),
        (["'"], 7, "No closing quotation"),
    ],
)
def test_published_is_what_a_command_of_the_users_took_and_its_failure_is_reported(
    command: list[str],
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    import shlex

    text = command[0] if len(command) == 1 else shlex.join(command)
    monkeypatch.setenv("MISSION_CONTROL_ACCOUNT_COMMAND", text)
    file = tmp_path / "account.json"
    answer = mc("account", *ON_DAY, "--out", str(file), "--publish")
    assert (answer.code, words in answer.err) == (code, True), answer.err
    seen = file.with_name("account.json.seen")
    assert not seen.exists() or seen.read_bytes() == file.read_bytes()
    assert seen.exists() == (code == 1)


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"format": "mission-control account 1", "si', "the file is not whole; get another copy of it"),
        (b"[]", "is no account"),
        (b'{"format": "mission-control account 1"}', "missing required field"),
        (b"\xff", "the file is not whole"),
    ],
)
def test_file_that_is_no_whole_account_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_bytes(content)
    answer = mc("audit", "verify", "--account", str(file), "--files-only")
    assert (answer.code, words in answer.err.replace("\n", " ")) == (2, True), answer.err


@pytest.mark.usefixtures("day")
def test_auditor_without_redis_sees_the_kind_of_what_was_done(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    assert mc("account", *ON_DAY, "--out", str(file)).code == 1
    assert file.stat().st_mode & 0o777 == 0o600
    verify = ("audit", "verify", "--account", str(file), "--files-only")
    assert mc(*verify).code == 0
    content = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**content, "unaccounted": []}), "utf-8")
    edited = mc(*verify)
    assert (edited.code, "changed after it was written" in edited.out) == (1, True)
