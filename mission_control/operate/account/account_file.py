"""The file of an account, with a digest, and signed where there is a key; a command of the user gets it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import ValidationError

from mission_control.configuration.settings import PREFIX
from mission_control.errors import AccountError, TaskFileError
from mission_control.files.json_file import parse_json
from mission_control.files.outside_file import read_outside_file
from mission_control.operate.account.account import FORMAT, Account, account_in
from mission_control.safe_paths.own_files import replace_file

IsSigned = Callable[[bytes, bytes], bool]
"""Whether a signature is that of a text."""

_LARGEST: Final = 256 * 1024 * 1024
_ADDED: Final = frozenset({"digest", "signature"})
SECONDS: Final = 60.0
PLACE: Final = "{file}"
_SHOWN_BYTES: Final = 2_000


def signed_text(content: Mapping[str, Any]) -> bytes:
    r"""Return what is signed of an account: all but its digest and signature.

    >>> signed_text({"format": "a", "signature": "cd"})
    b'mission-control account\n{"format":"a"}'
    """
    signed = {name: value for name, value in content.items() if name not in _ADDED}
    return b"mission-control account\n" + orjson.dumps(signed, option=orjson.OPT_SORT_KEYS)


def sealed(account: Account, sign: Callable[[bytes], bytes] | None) -> dict[str, Any]:
    """Return an account as JSON, with its digest (SHA-256), and signed if there is a key."""
    content = account.to_dict()
    text = signed_text(content)
    signature = None if sign is None else sign(text).hex()
    return {**content, "digest": sha256(text).hexdigest(), "signature": signature}


def write_account(path: Path, content: Mapping[str, Any]) -> None:
    """Write a sealed account, whole or not at all, readable by its owner alone.

    Raises:
        OSError: nothing was written.
    """
    replace_file(path, orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")


def read_account(path: Path, is_signed: IsSigned | None) -> tuple[Account, str | None]:
    """Return the account in a file, and what is wrong with its digest or signature, None for nothing.

    With `is_signed` it must be signed.

    Raises:
        AccountError: the file cannot be read, or has no account; says what to do.
    """
    try:
        content = parse_json(read_outside_file(path, _LARGEST), path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValidationError(f'its "format" is not {FORMAT!r}')  # noqa: TRY301
        return account_in(content), _fault(content, is_signed)
    except TaskFileError as error:
        raise AccountError(f"{error}: the file is not whole; get another copy of it") from error
    except OSError as error:
        raise AccountError(f"{path}: {error.strerror or error}") from error
    except ValidationError as error:
        remedy = "get another copy of it, or write one with `mission-control account --out FILE`"
        raise AccountError(f"{path} is no account: {error}; {remedy}") from error


def _fault(content: Mapping[str, Any], is_signed: IsSigned | None) -> str | None:
    text = signed_text(content)
    if content.get("digest") != sha256(text).hexdigest():
        return "it was changed after it was written: its digest is not that of its content"
    if is_signed is None:
        return None
    signature = content.get("signature")
    if not isinstance(signature, str):
        return "it is not signed: write accounts where MISSION_CONTROL_AUDIT_KEY is set"
    try:
        is_right = is_signed(bytes.fromhex(signature), text)
    except ValueError:
        is_right = False
    return None if is_right else "it is not signed with this key: it was changed, or made up"


def publish(command: str, file: Path, *, seconds: float = SECONDS) -> str | None:
    """Run a command with an account on its standard input, and return why it failed, None if it did not.

    `{file}` in the command stands for the path of the account. It runs without a shell, without this
    installation's settings, and in a session of its own, which is killed when `seconds` have passed.
    """
    try:
        words = [word.replace(PLACE, str(file)) for word in shlex.split(command)]
        with file.open("rb") as content:
            return _failure(words, content.fileno(), seconds)
    except (OSError, ValueError) as error:
        return str(error)


def _failure(words: list[str], source: int, seconds: float) -> str | None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
    with subprocess.Popen(  # noqa: S603  # the operator's command line
        words,
        stdin=source,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return f"it did not end within {seconds:g} seconds"
    if process.returncode == 0:
        return None
    words_said = said[-_SHOWN_BYTES:].decode(errors="replace").strip()
    return f"it ended with {process.returncode}{f': {words_said}' if words_said else ''}"
