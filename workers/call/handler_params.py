"""The params that a handler gets: references resolved, and the secrets among them known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from mission_control.audit.record.masked_values import is_hidden
from mission_control.model.problems.secret_references import reference_in
from mission_control.model.runs.run_record import RunRecord
from workers.call.invocation import Failure, Outcome, Skipped, Success
from workers.call.known_secrets import KnownSecrets
from workers.call.secret_sources import SecretSources, SecretUnavailableError

_SHORTEST_INSIDE: Final = 8


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
