"""Checking the endings in a stream: each run ended once, and as the ledger says.

Final records are found by the fixed order of a record's fields, without reading the whole line as JSON.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from mission_control.audit.stream.chain import host_of
from mission_control.audit.verification.findings import Findings, Kind

_ID: Final = b'"execution_id":"'
_STATUS: Final = b'"status":"'
_FINAL: Final = re.compile(
    rb'"execution_id":"([^"\\]*(?:\\.[^"\\]*)*)","scheduled_time":(?:null|"[^"]*"),'
    rb'"attempt":(null|\d+),"final":true'
)


@dataclass(frozen=True, slots=True)
class LedgerEnding:
    """How the ledger says a run ended: its status, when, and the host of its worker, if one had it.

    `writer` is the process that reported its final record as written, None if none did.
    """

    status: str
    ended_at: float
    host: str | None
    writer: str | None = None


class EndingsCheck:
    """Collects the final records of a stream, and what is wrong with them.

    Of each only the hash of its id and a word are kept, some 100 bytes; that two of a million ids have
    the same 64-bit hash has a chance of one in ten million.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._seen: dict[int, bytes] = {}
        self._endings: dict[bytes, bytes] = {}

    def line(self, raw: bytes, file: Path, number: int) -> None:
        """Take in a line; what is no final record is passed over."""
        # Quotation marks inside text are escaped: the last id and the first status are the record's own.
        found = _FINAL.match(raw, raw.rfind(_ID))
        if found is None:
            return
        execution_id, attempt = found.groups()
        begin = raw.find(_STATUS) + len(_STATUS)
        status = raw[begin : raw.find(b'"', begin)]
        if status == b"rejected":
            return  # no run: a message may be refused as often as it comes
        ending = b"%b %b" % (status, attempt)
        ending = self._endings.setdefault(ending, ending)
        key = hash(execution_id)
        before = self._seen.get(key)
        if before is None:
            self._seen[key] = ending
        else:
            self._again(_text(execution_id), before, ending, file, number)

    def compare(
        self,
        ledger: Mapping[str, LedgerEnding],
        *,
        pending: Collection[str],
        writers: Collection[str],
        begins: float | None,
    ) -> list[str]:
        """Compare with the runs that the ledger has ended; return the ids of those without a record here.

        `pending` are ids of runs whose record is pending. What ended before `begins` is in files
        that are gone. A record by another than this stream's `writers` is elsewhere. If the writer is
        unknown, it is expected on the host of the run's worker.
        """
        hosts = {host_of(writer) for writer in writers}
        unrecorded = []
        for execution_id, ending in ledger.items():
            seen = self._seen.get(hash(orjson.dumps(execution_id)[1:-1]))
            if seen is not None:
                self._compare_one(execution_id, seen.decode().split()[0], ending)
            elif begins is not None and ending.ended_at <= begins + 1:
                continue
            elif execution_id not in pending and ending.writer is not None and ending.writer not in writers:
                message = f"{execution_id} was recorded by {ending.writer}, in another stream than this"
                self._findings.add(Kind.ELSEWHERE, message, execution_id=execution_id)
            elif execution_id not in pending and _is_of_another_host(ending, hosts):
                message = f"{execution_id} ran on {ending.host}, whose records are not in this stream"
                self._findings.add(Kind.ELSEWHERE, message, execution_id=execution_id)
            else:
                unrecorded.append(execution_id)
                self._unrecorded(execution_id, ending, is_pending=execution_id in pending)
        return unrecorded

    def _again(self, execution_id: str, before: bytes, ending: bytes, file: Path, line: int) -> None:
        if before == ending:
            message = f"{execution_id} is recorded twice, and counts once"
            self._findings.add(Kind.TWICE, message, file, line, execution_id)
        else:
            first, second = (words.decode().replace(" ", ", attempt ") for words in (before, ending))
            message = f"{execution_id} ended twice: {first}, and here {second}"
            self._findings.add(Kind.CONTRADICTORY, message, file, line, execution_id)

    def _compare_one(self, execution_id: str, status: str, ending: LedgerEnding) -> None:
        if status != ending.status:
            message = f"{execution_id} is {status} here and {ending.status} in the ledger"
            self._findings.add(Kind.DISAGREES, message, execution_id=execution_id)

    def _unrecorded(self, execution_id: str, ending: LedgerEnding, *, is_pending: bool) -> None:
        if is_pending:
            message = f"the record of {execution_id} ({ending.status}) is pending, and will be written"
            self._findings.add(Kind.PENDING, message, execution_id=execution_id)
        else:
            message = f"{execution_id} ended {ending.status} in the ledger and has no record here"
            self._findings.add(Kind.UNRECORDED, message, execution_id=execution_id)


def _is_of_another_host(ending: LedgerEnding, hosts: Collection[str]) -> bool:
    return ending.writer is None and bool(hosts) and ending.host not in {None, *hosts}


def _text(raw: bytes) -> str:
    try:
        return str(orjson.loads(b'"%b"' % raw))
    except orjson.JSONDecodeError:
        return raw.decode(errors="replace")
