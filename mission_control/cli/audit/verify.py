"""`mission-control audit verify`, `audit repair`, `audit acknowledge` and `audit keygen`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.audit.verification.findings import Verification
from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, lines_of, near, printable, tell
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import acting_user
from mission_control.model.values.quantities import counted

if TYPE_CHECKING:
    from mission_control.operate.audit_verification import Repair

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_MOST_OF_A_KEY: Final = 4_096


@click.command()
@click.option("--files-only", is_flag=True, help="Do not use Redis: skip its anchors and the ledger.")
@click.option("--public-key", "public_keys", type=_FILE, multiple=True, help="Verify signed checkpoints.")
@click.option("--checkpoints", "copies", type=_FILE, multiple=True, help="Checkpoints that you kept, too.")
@click.option("--account", "account_file", type=_FILE, help="Verify an account, and the streams up to it.")
@click.option("--at", type=parameters.PAST_MOMENT, metavar="MOMENT", help="When the files were copied (now).")
@parameters.as_json
def verify(
    files_only: bool,
    public_keys: tuple[Path, ...],
    copies: tuple[Path, ...],
    account_file: Path | None,
    at: datetime | None,
    as_json: bool,
) -> ExitCode:
    """Verify that no audit record was changed, removed, added or is missing.

    Follows every chain of records through all rotated files, and compares it with the anchors in Redis and
    with the ledger. With --public-key it uses the signed checkpoints instead, and no Redis: for auditors who
    have a copy of the files (-C). With --account it verifies an account's file, and that the streams, and
    Redis, still say the same. Exit code 0: sound; 1: not sound.
    """
    if (copies or at) and (account_file is not None or not public_keys):
        raise click.UsageError("--checkpoints and --at need --public-key, and no --account.")
    if account_file is not None:
        verifications = _verified_by_account(account_file, public_keys, files_only=files_only)
    elif public_keys:
        verifications = _verified_by_checkpoints(public_keys, copies, at)
    else:
        verifications = _verifications(files_only=files_only)
    is_sound = all(one.is_sound for one in verifications.values())
    if as_json:
        streams = {name: one.to_dict() for name, one in verifications.items()}
        echo_json({"sound": is_sound, "streams": streams})
    else:
        for one in verifications.values():
            _show(one, is_anchored=account_file is not None or not files_only)
    return ExitCode.DONE if is_sound else ExitCode.FAILED


@click.command()
@click.option("--reason", required=True, help="What you found out; kept with your name.")
@parameters.dry_run
@parameters.as_json
def acknowledge(reason: str, dry_run: bool, as_json: bool) -> None:
    """Acknowledge the faults that `audit verify` finds now.

    They stay visible in every verification, with your name and reason, and no longer make it fail. A later
    fault does. The acknowledgement is a record in the stream of changes.
    """
    from mission_control.operate.audit_verification import acknowledge_faults

    found = _verifications(files_only=False)
    count = sum(len(one.faults) for one in found.values())
    if not dry_run:
        with current() as installation:
            at = installation.clock()
            acknowledge_faults(
                found.values(), installation.changes, actor=acting_user(), reason=reason, at=at
            )
    if as_json:
        echo_json({"dry_run": dry_run, "acknowledged": count})
    else:
        tell(f"{counted(count, 'fault')} {'would be ' if dry_run else ''}acknowledged")


@click.command()
@parameters.dry_run
@parameters.as_json
def repair(dry_run: bool, as_json: bool) -> None:
    """Append missing audit records.

    Writes pending records, and adds a final record for each run that ended without one. It changes and
    removes no line, marks what it adds as "repaired", and may be run again.
    """
    from mission_control.operate.audit_verification import repair as repair_stream
    from mission_control.sweep.late_records import LateRecords

    with current() as installation:
        done = repair_stream(LateRecords.of(installation), installation.ledger, is_dry_run=dry_run)
    if as_json:
        echo_json({"dry_run": dry_run, "written": done.written, "added": done.added})
    elif done.is_nothing:
        tell("nothing to repair")
    else:
        echo(*_repaired(done, would="would be " if dry_run else ""))


def _verifications(*, files_only: bool) -> dict[str, Verification]:
    from mission_control.operate.audit_verification import verify_streams

    settings = read_settings()
    files = settings.task_execution_log, settings.task_changes_log, settings.run_logs
    if files_only:
        return verify_streams(*files, None)
    with current() as installation:
        return verify_streams(*files, installation.client)


def _verified_by_checkpoints(
    public_keys: tuple[Path, ...], copies: tuple[Path, ...], at: datetime | None
) -> dict[str, Verification]:
    from mission_control.audit.verification.checkpoint_check import verify_signed
    from mission_control.configuration.clock import utc_now

    settings = read_settings()
    moment = utc_now() if at is None else at
    streams = {
        "runs": settings.task_execution_log,
        "changes": settings.task_changes_log,
        "logs": settings.run_logs,
    }
    return verify_signed(settings.checkpoints, streams, copies, _is_signed_by(public_keys), moment)


def _verified_by_account(
    file: Path, public_keys: tuple[Path, ...], *, files_only: bool
) -> dict[str, Verification]:
    from mission_control.operate.account.account_file import read_account
    from mission_control.operate.account.ledger_check import LedgerCheck
    from mission_control.operate.account.verification import verify_account

    settings = read_settings()
    account, fault = read_account(file, _is_signed_by(public_keys) if public_keys else None)
    streams = {"runs": settings.task_execution_log, "changes": settings.task_changes_log}
    found, reckoning = verify_account(file, account, fault, streams)
    if files_only or reckoning is None:
        return found
    with current() as installation:
        check = LedgerCheck(
            account, reckoning, installation.client, installation.registry, installation.clock()
        )
        return {**found, "redis": check.verify(streams)}


def _is_signed_by(public_keys: tuple[Path, ...]) -> Callable[[bytes, bytes], bool]:
    from mission_control.files.outside_file import read_outside_file
    from mission_control.signing.ed25519 import is_signed, read_public_key

    keys = []
    for path in public_keys:
        try:
            keys.append(read_public_key(read_outside_file(path, _MOST_OF_A_KEY)))
        except ValueError as error:
            raise CommandError(f"{path}: {error}", ExitCode.USAGE) from error
    return lambda signature, text: any(is_signed(key, signature, text) for key in keys)


def _show(one: Verification, *, is_anchored: bool) -> None:
    verdict = "sound" if one.is_sound else "NOT SOUND"
    anchored = f", {one.anchored} of them anchored" if is_anchored else ""
    counts = (counted(one.records, "record"), counted(one.writers, "writer"), counted(one.files, "file"))
    echo(f"{near(one.path)}: {verdict}; {counts[0]} of {counts[1]} in {counts[2]}{anchored}")
    for finding in one.findings:
        sign = "·" if finding.is_note else "✗"
        echo(f"  {sign} {finding.kind.replace('_', ' ')}: {lines_of(str(finding))}")
    hidden = sum(one.counts.values()) - len(one.findings)
    if hidden > 0:
        echo(f"  … and {hidden} more")


def _repaired(done: Repair, *, would: str) -> Iterator[str]:
    if done.written:
        yield f"{counted(done.written, 'pending record')} {would}written"
    if done.added:
        yield f"{counted(len(done.added), 'missing record')} {would}written from the ledger:"
    yield from (f"  {printable(execution_id)}" for execution_id in done.added)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def keygen(file: Path) -> None:
    """Make a key pair that signs checkpoints of the audit streams.

    FILE gets the private key, for beat alone; FILE.pub gets the public key, for auditors.
    """
    from mission_control.safe_paths.own_files import open_own, own_folder
    from mission_control.signing.ed25519 import new_key_pair

    private, public = file.absolute(), file.absolute().with_name(f"{file.name}.pub")
    try:
        texts = new_key_pair()
        own_folder(private.parent)
        for path, text in zip((private, public), texts, strict=True):
            with os.fdopen(open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as opened:
                opened.write(text)
    except ValueError as error:
        raise CommandError(f"no key was made: {error}", ExitCode.FAILED) from error
    except FileExistsError as error:
        raise CommandError(f"{error.filename} exists; name another file", ExitCode.REFUSED) from error
    tell(f"made {private} and {public}\nbeat needs MISSION_CONTROL_AUDIT_KEY={private}")
