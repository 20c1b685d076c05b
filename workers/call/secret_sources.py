"""Where the secrets come from that params refer to: the environment of the worker, and files."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from mission_control.configuration.settings import PREFIX
from mission_control.errors import MissionControlError
from mission_control.files.outside_file import read_outside_file
from mission_control.model.problems.secret_references import reference_problem

LARGEST_SECRET_BYTES: Final = 1024 * 1024
_SYSTEM: Final = tuple(map(Path, ("/proc", "/sys", "/dev", "/etc", "/boot")))
_ALLOW: Final = f"{PREFIX}SECRETS_ALLOW"


class SecretUnavailableError(MissionControlError):
    """A reference to a secret that this worker cannot resolve; the text says why and what to do."""


@dataclass(frozen=True)
class SecretSources:
    """Resolves references to secrets.

    `allowed` are patterns such as `env:APP_*` and `file:/run/secrets/*`. Without any, every variable is
    allowed, and every file that is neither hidden nor the system's. Our own settings and data never are.
    """

    allowed: tuple[str, ...]
    data_dir: Path
    environment: Mapping[str, str]

    def value_of(self, reference: str) -> str:
        """Return the secret that a reference names; of a file, its text without the last line break.

        Raises:
            SecretUnavailableError: it is not allowed, or not there.
        """
        problem = reference_problem(reference)
        if problem is not None:
            raise SecretUnavailableError(problem)
        kind, _, name = reference.partition(":")
        if self.allowed and not any(fnmatchcase(reference, pattern) for pattern in self.allowed):
            raise SecretUnavailableError(f"{reference} is not allowed here; add it to {_ALLOW} of the worker")
        return self._variable(name) if kind == "env" else self._file(Path(name))

    def _variable(self, name: str) -> str:
        if name.startswith(PREFIX):
            raise SecretUnavailableError(f"{name} is a setting of Mission Control; use another variable")
        value = self.environment.get(name)
        if not value:
            raise SecretUnavailableError(
                f"the worker has no environment variable {name}; set it and restart it"
            )
        return value

    def _file(self, path: Path) -> str:
        try:
            real = path.resolve(strict=True)
            problem = file_problem(path, real, self.data_dir.resolve(), is_named=bool(self.allowed))
            if problem is not None:
                raise SecretUnavailableError(f"{path} {problem}")
            return _text(real)
        except OSError as error:
            reason = error.strerror if error.strerror is not None else error
            raise SecretUnavailableError(f"the worker cannot read {path}: {reason}") from error


def file_problem(path: Path, real: Path, data_dir: Path, *, is_named: bool) -> str | None:
    """Return why a file that `path` names must not be read as a secret, or None; `real` is where it is.

    Kubernetes mounts secrets as links within one directory; a link out of its directory may lead anywhere.

    >>> print(file_problem(Path("/run/secrets/x"), Path("/etc/shadow"), Path("/data"), is_named=False))
    is a link that leads out of its directory; name the file itself
    """
    if not real.is_relative_to(path.parent.resolve()):
        return "is a link that leads out of its directory; name the file itself"
    if real.is_relative_to(data_dir):
        return "is in the data directory of Mission Control; keep secrets elsewhere"
    is_hidden = any(part.startswith(".") and not part.startswith("..") for part in real.parts)
    if not is_named and (is_hidden or any(map(real.is_relative_to, _SYSTEM))):
        return f"is hidden or the system's; move it, for example to /run/secrets, or add it to {_ALLOW}"
    return None


def _text(path: Path) -> str:
    try:
        # No link below the root: it may not lead elsewhere by now.
        content = read_outside_file(path, LARGEST_SECRET_BYTES, folder=Path(path.anchor)).decode()
    except UnicodeDecodeError:
        raise SecretUnavailableError(f"{path} is not UTF-8 text") from None
    text = content.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SecretUnavailableError(f"{path} is empty")
    return text
