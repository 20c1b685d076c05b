"""Whatever is done to the streams of an accounted day, a verifier with the account's file alone finds it.

This file has more than 250 lines because all attacks on the streams stand in one place.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from mission_control.audit.stream.chain import GENESIS, line_digest
from mission_control.audit.verification.findings import Kind, Verification
from mission_control.operate.account.account_file import read_account, sealed, write_account
from mission_control.operate.account.verification import verify_account
from mission_control.signing.ed25519 import is_signed, new_key_pair, read_private_key, read_public_key
from tests.samples.accounted_day import DAY, HOUR, AccountedDay, hours

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mission_control.operate.account.account_file import IsSigned

Lines = list[bytes]
PLACES: Final = {"first": 0.0, "middle": 0.5, "last": 1.0}


@dataclass
class Accounted:
    """An accounted day, and the file of its account."""

    day: AccountedDay
    file: Path
    earlier: dict[str, bytes]
    check: IsSigned

    def path(self, stream: str) -> Path:
        return self.day.runs if stream == "runs" else self.day.changes

    def found(self, *, is_signed: bool = True) -> dict[str, Verification]:
        account, fault = read_account(self.file, self.check if is_signed else None)
        streams = {"runs": self.day.runs, "changes": self.day.changes}
        return verify_account(self.file, account, fault, streams)[0]

    def faults(self) -> set[Kind]:
        kinds = (one.kind for stream in self.found().values() for one in stream.findings if not one.is_note)
        return set(kinds)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Accounted:
    folder = tmp_path_factory.mktemp("accounted")
    day = AccountedDay(folder)
    day.change("registered", DAY - 12 * HOUR)
    day.change("registered", DAY - 11 * HOUR, "cake", schedule={"type": "daily", "times": ["08:00", "20:00"]})
    for at in hours(0, 12):
        day.end(at)
    day.end(DAY + 8 * HOUR, "failure", task_id="cake")
    earlier = {"runs": day.runs.read_bytes(), "changes": day.changes.read_bytes()}
    day.change("disabled", DAY + 18.5 * HOUR, enabled=False)
    for at in hours(12, 18):
        day.end(at)
    day.end(DAY + 18 * HOUR, "skipped", cause={"class": "paused", "layer": "all"})
    day.end(DAY + 20 * HOUR, task_id="cake")
    account = day.account()
    assert account.is_balanced
    private, public = new_key_pair()
    (folder / "key").write_bytes(private)
    (folder / "key").chmod(0o600)
    file, key = folder / "account.json", read_public_key(public)
    write_account(file, sealed(account, read_private_key(str(folder / "key")).sign))
    return Accounted(day, file, earlier, lambda signature, text: is_signed(key, signature, text))


@pytest.fixture
def accounted(written: Accounted, tmp_path: Path) -> Accounted:
    """The same day, copied to another machine with the file of its account."""
    shutil.copytree(written.day.runs.parent, tmp_path / "logs")
    shutil.copy(written.file, tmp_path / "account.json")
    return Accounted(AccountedDay(tmp_path), tmp_path / "account.json", written.earlier, written.check)


def lines_of(path: Path) -> Lines:
    return path.read_bytes().splitlines()


def put(path: Path, lines: Lines) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def rechained(lines: Lines) -> Lines:
    """Return the lines with every chain made whole again, as who knows the format can do it."""
    heads: dict[str, tuple[int, str]] = {}
    found = []
    for line in lines:
        record = json.loads(line)
        seq, prev = heads.get(record["writer"], (0, GENESIS))
        made = json.dumps({**record, "seq": seq + 1, "prev": prev}, separators=(",", ":")).encode()
        heads[record["writer"]] = seq + 1, line_digest(made)
        found.append(made)
    return found


def altered(line: bytes) -> bytes:
    record = json.loads(line)
    changed = (
        {"status": "success" if record["status"] == "failure" else "failure"}
        if "status" in record
        else {"timestamp": "2026-03-02T06:30:00.000Z"}
    )
    return json.dumps({**record, **changed}, separators=(",", ":")).encode()


def made_up(line: bytes, **fields: Any) -> bytes:
    own = {"writer": "web1-7-00", "seq": 1, "prev": GENESIS}
    return json.dumps({**json.loads(line), **own, **fields}, separators=(",", ":")).encode()


def remove(lines: Lines, at: int) -> Lines:
    return lines[:at] + lines[at + 1 :]


def add_copy(lines: Lines, at: int) -> Lines:
    return [*lines[: at + 1], lines[at], *lines[at + 1 :]]


def add_of_a_new_writer(lines: Lines, at: int) -> Lines:
    return [*lines[: at + 1], made_up(lines[at]), *lines[at + 1 :]]


def add_unchained(lines: Lines, at: int) -> Lines:
    record = json.loads(lines[at])
    plain = {name: one for name, one in record.items() if name not in {"writer", "seq", "prev"}}
    return [*lines[: at + 1], json.dumps(plain).encode(), *lines[at + 1 :]]


def add_to_a_chain(lines: Lines, at: int) -> Lines:
    return rechained([*lines[: at + 1], lines[at], *lines[at + 1 :]])


def alter(lines: Lines, at: int) -> Lines:
    return [*lines[:at], altered(lines[at]), *lines[at + 1 :]]


def alter_and_rechain(lines: Lines, at: int) -> Lines:
    return rechained(alter(lines, at))


def remove_and_rechain(lines: Lines, at: int) -> Lines:
    return rechained(remove(lines, at))


def cut_off(lines: Lines, at: int) -> Lines:
    return lines[:at]


def remove_the_beginning(lines: Lines, at: int) -> Lines:
    return lines[at + 1 :]


def swap(lines: Lines, at: int) -> Lines:
    other = at - 1 if at else 1
    found = list(lines)
    found[at], found[other] = found[other], found[at]
    return found


ATTACKS = [
    *(remove, add_copy, add_of_a_new_writer, add_unchained, add_to_a_chain, alter, alter_and_rechain),
    *(remove_and_rechain, cut_off, remove_the_beginning, swap),
]


def test_untouched_copy_is_sound_with_and_without_the_key(accounted: Accounted) -> None:
    for found in (accounted.found(), accounted.found(is_signed=False)):
        assert [str(one) for stream in found.values() for one in stream.findings] == []


@pytest.mark.parametrize("stream", ["runs", "changes"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.__name__)
def test_attack_on_a_stream_is_found(
    accounted: Accounted, attack: Callable[[Lines, int], Lines], place: float, stream: str
) -> None:
    path = accounted.path(stream)
    lines = lines_of(path)
    put(path, attack(lines, round(place * (len(lines) - 1))))
    assert accounted.faults() != set()


@pytest.mark.parametrize("streams", [("runs",), ("changes",), ("runs", "changes")])
def test_stream_that_was_rolled_back_is_found(accounted: Accounted, streams: tuple[str, ...]) -> None:
    for stream in streams:
        accounted.path(stream).write_bytes(accounted.earlier[stream])
    assert accounted.faults() != set()


@pytest.mark.parametrize("streams", [("runs",), ("changes",), ("runs", "changes")])
def test_stream_that_was_deleted_is_found(accounted: Accounted, streams: tuple[str, ...]) -> None:
    for stream in streams:
        accounted.path(stream).unlink()
    assert accounted.faults() != set()


def test_oldest_file_that_was_removed_as_if_rotated_away_is_found(accounted: Accounted) -> None:
    lines = lines_of(accounted.day.runs)
    put(accounted.day.runs, lines[5:])
    put(accounted.day.runs.with_name(f"{accounted.day.runs.name}.1"), lines[3:5])
    assert Kind.DISAGREES in accounted.faults()


def test_rotated_and_compressed_files_say_the_same(accounted: Accounted) -> None:
    import gzip

    lines = accounted.day.runs.read_bytes().splitlines(keepends=True)
    accounted.day.runs.with_name(f"{accounted.day.runs.name}.2.gz").write_bytes(
        gzip.compress(b"".join(lines[:5]))
    )
    accounted.day.runs.with_name(f"{accounted.day.runs.name}.1").write_bytes(b"".join(lines[5:9]))
    accounted.day.runs.write_bytes(b"".join(lines[9:]))
    assert accounted.faults() == set()


def test_lines_written_after_the_account_are_not_its_matter(accounted: Accounted) -> None:
    accounted.day.end(DAY + 49 * HOUR)
    accounted.day.end(DAY + 3 * HOUR, execution_id="tea@manual-1", late=True)
    accounted.day.change("registered", DAY + 49 * HOUR, "tart")
    found = accounted.found()
    assert accounted.faults() == set()
    assert [str(one) for one in found["account"].findings] == ["1 late record written since the account"]


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text("utf-8"))
    change(content)
    file.write_text(json.dumps(content), "utf-8")


def resealed(content: dict[str, Any]) -> None:
    from mission_control.operate.account.account import account_in

    content["tasks"]["tea"]["success"] = 17
    content.update({**sealed(account_in(content), None), "signature": content["signature"]})


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["tasks"]["tea"].update(success=17),
        lambda content: content.update(expected=3),
        lambda content: content.update(signature="00"),
        lambda content: content.update(signature=None),
        lambda content: content["anchors"]["runs"].clear(),
        resealed,
    ],
    ids=["a count", "the sum", "another signature", "no signature", "no anchors", "sealed again"],
)
def test_account_that_was_edited_is_found(
    accounted: Accounted, change: Callable[[dict[str, Any]], object]
) -> None:
    edit(accounted.file, change)
    assert Kind.CHANGED in {one.kind for one in accounted.found()["account"].findings}


def test_files_of_another_installation_are_named_so(accounted: Accounted, tmp_path: Path) -> None:
    other = AccountedDay(tmp_path / "other")
    other.change("registered", DAY - 12 * HOUR)
    for at in hours():
        other.end(at + timedelta(0))
    accounted.day = other
    messages = [one.message for one in accounted.found()["account"].findings]
    assert "no line of its 2 writers is here: these files are of another installation" in messages
