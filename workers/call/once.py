"""`context["once"]`: effects that happen once in a run, however many attempts it takes."""

from typing import Final

from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_record import RunRecord

LONGEST_KEY: Final = 200


class Once:
    """Tells a handler whether to bring an effect about now: `if context["once"]("posted"): …`.

    Guarantees: of all calls with one key, over all attempts of a run, at most one returns True, even if a
    paused worker wakes up while its successor runs. Redis keeps the mark as long as the run.

    So the effect happens **at most once**, because it is marked before: if a worker dies between mark and
    effect, the effect is missing, and later attempts get False. If an effect has certainly not happened
    (the server refused it), `forget` it, and the next attempt tries again. Does not guarantee anything
    across runs, or for an effect that is repeated without asking.
    """

    def __init__(self, ledger: Ledger, run: RunRecord) -> None:
        self._ledger = ledger
        self._run = run

    def __call__(self, key: str) -> bool:
        """Return True if this is the first time that the run asks for `key`, and mark it.

        Raises:
            ValueError: `key` is no text of 1 to 200 characters.
            RedisError: the mark could not be made; the handler must not bring the effect about.
        """
        return self._ledger.mark_once(self._run, _checked(key))

    def forget(self, key: str) -> None:
        """Remove the mark: the effect has certainly not happened."""
        self._ledger.forget_once(self._run, _checked(key))


class OnceHere:
    """The same for a run that is not recorded, such as a trial of a handler."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def __call__(self, key: str) -> bool:
        """Return True if this is the first call with `key`."""
        is_first = _checked(key) not in self._keys
        self._keys.add(key)
        return is_first

    def forget(self, key: str) -> None:
        """Remove the mark."""
        self._keys.discard(_checked(key))


def _checked(key: str) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
        raise ValueError(f"once() takes a text of 1 to {LONGEST_KEY} characters that names the effect")
    return key
