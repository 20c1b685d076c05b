"""Verifying an account: what was done to the files since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mission_control.audit.stream.chain import KnownTime, host_of
from mission_control.audit.verification.findings import Findings, Kind, Memory, Verification
from mission_control.audit.verification.verify import verify
from mission_control.errors import AccountError
from mission_control.model.values.instants import parse_instant
from mission_control.model.values.quantities import counted as number_of
from mission_control.operate.account.account import Account
from mission_control.operate.account.gathering import counted
from mission_control.operate.account.reckoning import Reckoning

_MARGIN: Final = timedelta(minutes=1)
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def verify_account(
    file: Path, account: Account, fault: str | None, streams: Mapping[str, Path]
) -> tuple[dict[str, Verification], Reckoning | None]:
    """Verify the streams up to the anchors of an account, and that they still give the same account.

    `streams` are the files of `runs` and `changes`, here or copied; `fault` is what is wrong with the file of
    the account itself. What was written since the account is not its matter, unless it claims to be older.
    The reckoning is of the lines up to the anchors, None if they give no account.

    Raises:
        PermissionError: a file may not be read.
    """
    findings = Findings({})
    if fault is not None:
        findings.add(Kind.CHANGED, fault, file)
    found = {name: _verify_stream(path, account, name) for name, path in streams.items()}
    reckoning = _compare(account, streams, findings)
    lines = sum(account.counts.values()) + sum(sum(one.values()) for one in account.tasks.values())
    return {"account": verification_of(file, findings, lines), **found}, reckoning


def verification_of(path: Path, findings: Findings, lines: int) -> Verification:
    """Return what was found in `lines` that are no stream."""
    kept, counts, faults = tuple(findings.kept), dict(findings.counts), frozenset(findings.faults)
    return Verification(path, 1, lines, lines, lines, 1, kept, counts, faults=faults)


class _SinceAccount(Memory):
    """What an account remembers: all lines up to it; of what came later nothing is known."""

    def is_recent(self, at: str) -> bool:  # noqa: ARG002
        return True

    def may_forget_run(self, record: Mapping[str, Any], latest: str) -> bool:  # noqa: ARG002
        return True


def _verify_stream(path: Path, account: Account, name: str) -> Verification:
    place = str(path.resolve())
    anchors = {writer: replace(one, path=place) for writer, one in account.anchors_of(name).items()}
    memory = _SinceAccount(
        KnownTime(writers=0, runs=0),
        account.created.timestamp(),
        anchors_later=lambda: anchors,
        known_among=set,
        signed={(writer, one.seq): one.digest for writer, one in anchors.items()},
        hosts=frozenset(map(host_of, anchors)),
    )
    return verify(path, anchors=anchors, memory=memory)


@dataclass
class _Later:
    """Takes in the lines that are not covered by an account: they must not claim to be older than it."""

    account: Account
    findings: Findings
    count: int = field(default=0, init=False)
    repaired: int = field(default=0, init=False)

    def __call__(self, record: Mapping[str, Any]) -> None:
        self.count += 1
        if "repaired" in record:
            self.repaired += 1
        elif moment_of(record) < self.account.created - _MARGIN:
            what = record.get("execution_id", record.get("task_id"))
            message = f"a record of {what} claims to be older than the account, and was not there then"
            self.findings.add(Kind.INSERTED, message, content=f"{record.get('writer')} {record.get('seq')}")


def moment_of(record: Mapping[str, Any]) -> datetime:
    """Return when a record says that something happened; long ago if it does not."""
    try:
        return parse_instant(record["timestamp"])
    except (KeyError, TypeError, ValueError):
        return _LONG_AGO


def _compare(account: Account, streams: Mapping[str, Path], findings: Findings) -> Reckoning | None:
    later, span = _Later(account, findings), (account.since, account.until)
    try:
        again, reckoning = counted(
            streams["runs"],
            streams["changes"],
            span,
            account.created,
            upto={name: account.anchors_of(name) for name in streams},
            later=later,
        )
    except AccountError as error:
        findings.add(Kind.MISSING, f"the files give no account: {error}")
        _check_writers(account, {}, later.count, findings)
        return None
    _check_writers(account, again.anchors, later.count, findings)
    for message in _differences(account.of_streams(), again.of_streams()):
        findings.add(Kind.DISAGREES, message)
    if later.repaired:
        findings.add(Kind.PENDING, f"{number_of(later.repaired, 'late record')} written since the account")
    return reckoning


def _check_writers(
    account: Account, found: Mapping[str, Mapping[str, str]], strange: int, findings: Findings
) -> None:
    if strange and not any(found.values()):
        writers = number_of(sum(map(len, account.anchors.values())), "writer")
        findings.add(
            Kind.CUT_OFF, f"no line of its {writers} is here: these files are of another installation"
        )


def _differences(said: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Yield in words what the files say otherwise than the account."""
    for name in said["tasks"].keys() | found["tasks"].keys():
        before, now = said["tasks"].get(name, {}), found["tasks"].get(name, {})
        if before != now:
            yield f"{name}: {_words(before)} in the account, {_words(now)} by the files"
    for name in ("unrecorded", "unexpected", "unknown"):
        for one in sorted(set(said[name]) ^ set(found[name])):
            yield f"{one} is {name} {'by the files' if one in found[name] else 'in the account'} only"
    others = ("requested", "counts", "twice")
    yield from (f"{name} is not the same by the files" for name in others if said[name] != found[name])


def _words(causes: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in causes.items()) or "nothing"
