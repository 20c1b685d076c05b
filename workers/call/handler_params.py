"""The params that a handler gets: references resolved, and the secrets among them known."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from mission_control.audit.record.masking import is_hidden
from mission_control.configuration.settings import PREFIX
from mission_control.errors import MissionControlError
from mission_control.files.outside_file import read_outside_file
from mission_control.model.problems.secret_references import reference_in, reference_problem
from mission_control.model.runs.run_record import RunRecord
from workers.call.invocation import Failure, Outcome, Skipped, Success
from workers.call.known_secrets import KnownSecrets

_SHORTEST_INSIDE: Final = 8
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


@dataclass
class HandlerParams:
    """The params of one attempt.

    `hidden` are the secrets that leave it nowhere: those referred to, and those marked. `named` has in
    addition those whose name says so: programs get them back from the output, people see them nowhere.
    """

    params: dict[str, Any]
    hidden: KnownSecrets
    named: KnownSecrets

    def masked(self, outcome: Outcome) -> Outcome:
        """Return what the handler made of the attempt, without its secrets."""
        if not self.named:
            return outcome
        if isinstance(outcome, Skipped):
            return replace(outcome, seen=self.named.in_text(outcome.seen))
        output = self.hidden.in_value(outcome.output)
        if isinstance(outcome, Success):
            return Success(output)
        traceback = None if outcome.traceback is None else self.named.in_text(outcome.traceback)
        return replace(outcome, error=self.named.in_text(outcome.error), output=output, traceback=traceback)


def handler_params(run: RunRecord, sources: SecretSources) -> HandlerParams:
    """Return the params of a run's next attempt.

    Raises:
        SecretUnavailableError: a reference cannot be resolved; names the param and the remedy.
    """
    found: list[str] = []
    params = {name: _resolved(one, f"params.{name}", sources, found) for name, one in run.params.items()}
    marked = frozenset(run.secret_params if run.secret_params is not None else ())
    hidden = [*found, *(_secret_texts(params, lambda name, _: name in marked) if marked else ())]
    named = [*hidden, *_secret_texts(params, is_hidden)]
    return HandlerParams(params, KnownSecrets(hidden), KnownSecrets(named))


def secret_unavailable(error: SecretUnavailableError) -> Failure:
    """Return the failure of an attempt whose params cannot be resolved; another worker may be able to."""
    return Failure(str(error), reason="secret_unavailable")


def _resolved(value: Any, path: str, sources: SecretSources, found: list[str]) -> Any:  # noqa: ANN401  # JSON
    reference = reference_in(value)
    if reference is not None:
        try:
            found.append(sources.value_of(reference))
        except SecretUnavailableError as error:
            raise SecretUnavailableError(f"{path}: {error}") from error
        return found[-1]
    if isinstance(value, dict):
        return {name: _resolved(one, f"{path}.{name}", sources, found) for name, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, f"{path}[{at}]", sources, found) for at, one in enumerate(value)]
    return value


def _secret_texts(value: object, is_secret: Callable[[str, object], bool]) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(one) if is_secret(name, one) else _secret_texts(one, is_secret)
    elif isinstance(value, list):
        for one in value:
            yield from _secret_texts(one, is_secret)


def _texts(value: object) -> Iterator[str]:
    """Return the texts in a secret value; in an object or a list, those that are long enough to be secret."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        yield from (text for one in inner for text in _texts(one) if len(text) >= _SHORTEST_INSIDE)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


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
