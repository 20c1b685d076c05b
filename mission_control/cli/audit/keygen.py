"""`mission-control audit keygen`: the key pair of signed checkpoints."""

import os
from pathlib import Path

import rich_click as click

from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.failures import CommandError
from mission_control.cli.terminal.output import tell


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
