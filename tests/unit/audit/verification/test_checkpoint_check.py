"""What was done to files whose checkpoints are signed, and what an auditor with the public key finds."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.stream.chain import Anchor
from mission_control.audit.stream.checkpoints import Checkpoints, signed_text
from mission_control.audit.stream.log import AuditLog
from mission_control.audit.verification.checkpoint_check import verify_signed
from mission_control.signing.ed25519 import is_signed, new_key_pair, read_private_key, read_public_key

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RUNS, CHANGES, CHECKPOINTS = "task_execution.jsonl", "task_changes.jsonl", "audit_checkpoints.jsonl"


class House:
    """A folder of streams, whose writers are anchored, and signed once a minute."""

    def __init__(self, folder: Path) -> None:
        self.now = NOON
        self.folder = folder / "logs"
        self.private, self.public = new_key_pair()
        (folder / "key").write_bytes(self.private)
        (folder / "key").chmod(0o600)
        self._key = read_private_key(str(folder / "key"))
        self._anchors: dict[str, Anchor] = {}
        self._logs: dict[str, AuditLog] = {}
        self.restart_beat()

    def restart_beat(self) -> None:
        log = AuditLog(self.folder / CHECKPOINTS)
        self._checkpoints = Checkpoints(log, self._key.sign, lambda: dict(self._anchors), lambda: self.now)

    def record(self, name: str = RUNS, *, is_anchored: bool = True, is_new: bool = False) -> None:
        path = self.folder / name
        if is_new or name not in self._logs:
            self._logs[name] = AuditLog(path)
        log = self._logs[name]
        log.append({"timestamp": self.now.isoformat().replace("+00:00", "Z"), "task_id": "tea"})
        if is_anchored:
            at, head = int(self.now.timestamp()), log.head
            known = self._anchors.get(head.writer)
            since = at if known is None else known.since
            self._anchors[head.writer] = Anchor(head.seq, head.digest, since, at, str(path.resolve()))

    def sign(self, after: timedelta = timedelta(minutes=1)) -> None:
        self.now += after
        self._checkpoints.write()

    def lines(self, name: str = RUNS) -> list[str]:
        return (self.folder / name).read_text("utf-8").splitlines(keepends=True)

    def rewrite(self, lines: list[str], name: str = RUNS) -> None:
        (self.folder / name).write_text("".join(lines), "utf-8")

    def verified(
        self, *copies: Path, at: datetime | None = None, public: bytes | None = None
    ) -> dict[str, set[str]]:
        """Return the kinds of faults that an auditor finds in a copy, by stream."""
        copied = Path(tempfile.mkdtemp(dir=self.folder.parent))
        shutil.copytree(self.folder, copied, dirs_exist_ok=True)
        key = read_public_key(self.public if public is None else public)
        found = verify_signed(
            copied / CHECKPOINTS,
            {"runs": copied / RUNS, "changes": copied / CHANGES},
            copies,
            lambda signature, text: is_signed(key, signature, text),
            self.now if at is None else at,
        )
        faults = {name: {str(one.kind) for one in each.findings} for name, each in found.items()}
        assert {name for name, kinds in faults.items() if kinds} == {
            name for name, one in found.items() if not one.is_sound
        }
        return {name: kinds for name, kinds in faults.items() if kinds}


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Three runs, then a checkpoint, thrice; between them one change."""
    house = House(tmp_path)
    for turn in range(3):
        for _ in range(3):
            house.record()
        if turn == 0:
            house.record(CHANGES)
        house.sign()
    return house


def test_files_that_were_copied_elsewhere_are_sound(house: House) -> None:
    assert house.verified() == {}
    assert len(house.lines(CHECKPOINTS)) == 3


def changed(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace('"tea"', '"ale"'), *lines[2:]]


def rechained(lines: list[str]) -> list[str]:
    """Return all lines of another writer, whose chain is whole."""
    return [line.replace('"tea"', '"ale"') for line in lines]


@pytest.mark.parametrize(
    ("attack", "kind"),
    [
        (changed, "changed"),
        (lambda lines: lines[:3] + lines[4:], "missing"),
        (lambda lines: lines[:-1], "cut_off"),
        (lambda lines: lines[:6], "cut_off"),
        (lambda lines: lines[1:], "missing"),
        (lambda _: [], "cut_off"),
        (lambda lines: [*lines[:5], lines[4], *lines[5:]], "inserted"),
    ],
)
def test_what_was_done_to_the_records_is_found(
    house: House, attack: Callable[[list[str]], list[str]], kind: str
) -> None:
    house.rewrite(attack(house.lines()))
    assert kind in house.verified()["runs"]


def test_stream_that_was_deleted_is_found(house: House) -> None:
    (house.folder / CHANGES).unlink()
    assert house.verified() == {"changes": {"cut_off"}}


def test_chain_that_was_rewritten_with_its_anchor_in_redis_is_found(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.record()
    house.record()
    house.sign()
    first, second = (json.loads(line) for line in house.lines())
    (house.folder / RUNS).unlink()
    log = AuditLog(house.folder / RUNS)
    forged: list[dict[str, Any]] = [log.append({**one, "task_id": "ale"}) for one in (first, second, second)]
    text = "".join(json.dumps({**one, "writer": first["writer"]}) + "\n" for one in forged)
    (house.folder / RUNS).write_text(text, "utf-8")

    assert "changed" in house.verified()["runs"]


def test_line_that_was_never_anchored_is_found_once_checkpoints_went_on(house: House) -> None:
    house.record(is_new=True, is_anchored=False)
    assert house.verified() == {}
    house.record(CHANGES, is_new=True)
    house.sign(timedelta(minutes=5))
    assert house.verified()["runs"] == {"unknown_writer"}


@pytest.mark.parametrize("gone", [0, 1])
def test_checkpoint_that_was_removed_is_found(house: House, gone: int) -> None:
    lines = house.lines(CHECKPOINTS)
    house.rewrite(lines[:gone] + lines[gone + 1 :], CHECKPOINTS)
    assert "missing" in house.verified()["checkpoints"]


@pytest.mark.parametrize("field", ["timestamp", "host", "previous", "anchors", "signature"])
def test_checkpoint_that_was_changed_is_found(house: House, field: str) -> None:
    *others, last = house.lines(CHECKPOINTS)
    forged = json.loads(last)
    forged[field] = {} if field == "anchors" else forged[field].replace("0", "1") + "a"
    house.rewrite([*others, json.dumps(forged) + "\n"], CHECKPOINTS)
    assert "changed" in house.verified()["checkpoints"]


@pytest.mark.parametrize("line", ['{"signature": 7}\n', "{}\n", '{"signature": "zz", "anchors": []}\n'])
def test_line_that_is_no_checkpoint_is_found(house: House, line: str) -> None:
    house.rewrite([*house.lines(CHECKPOINTS), line], CHECKPOINTS)
    assert house.verified() == {"checkpoints": {"changed"}}


def test_files_that_were_all_rolled_back_are_found_by_age_or_by_a_kept_checkpoint(
    house: House, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_text(house.lines(CHECKPOINTS)[-1], "utf-8")
    house.rewrite(house.lines()[:6])
    house.rewrite(house.lines(CHECKPOINTS)[:2], CHECKPOINTS)

    assert house.verified() == {}
    assert house.verified(at=house.now + timedelta(hours=3)) == {"checkpoints": {"cut_off"}}
    assert house.verified(kept)["runs"] == {"cut_off"}


def test_idle_installation_is_signed_once_an_hour(house: House) -> None:
    for _ in range(125):
        house.sign()
    assert len(house.lines(CHECKPOINTS)) == 3 + 2


def test_new_beat_begins_with_all_anchors(house: House) -> None:
    house.restart_beat()
    house.sign()
    assert len(json.loads(house.lines(CHECKPOINTS)[-1])["anchors"]) == 2
    assert house.verified() == {}


def test_other_key_has_signed_nothing(house: House) -> None:
    assert house.verified(public=new_key_pair()[1])["checkpoints"] == {"changed", "cut_off"}


def test_checkpoints_that_were_deleted_are_found(house: House) -> None:
    (house.folder / CHECKPOINTS).unlink()
    assert house.verified() == {"checkpoints": {"cut_off"}}


def test_public_key_cannot_sign(house: House, tmp_path: Path) -> None:
    (tmp_path / "public").write_bytes(house.public)
    (tmp_path / "public").chmod(0o600)
    with pytest.raises(ValueError, match="has no Ed25519 private key without a passphrase; make a pair with"):
        read_private_key(str(tmp_path / "public"))
    with pytest.raises(ValueError, match=r"no Ed25519 public key in it; .* use its \.pub file"):
        read_public_key(house.private)


def test_signature_is_checked_by_any_ed25519_implementation(house: House) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    checkpoint = json.loads(house.lines(CHECKPOINTS)[0])
    signature = bytes.fromhex(checkpoint["signature"])
    rest = {
        name: one for name, one in checkpoint.items() if name in {"timestamp", "host", "previous", "anchors"}
    }
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))

    key: Any = load_pem_public_key(house.public)
    key.verify(signature, f"mission-control audit checkpoint\n{text}".encode())
    assert signed_text(checkpoint).decode().endswith(text)
