"""The parts of firing, put together."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from celery import Celery
from redis import Redis

from beat.entries.due_entries import DueEntries
from beat.firing.commit import Commit
from beat.firing.fire_request import Delivery, FireRequests
from beat.firing.firing import Firing
from beat.firing.pauses_in_force import Conditions, PausesInForce
from beat.messages.entry_sender import EntrySender
from beat.messages.run_messages import RunMessages
from beat.upkeep.quarantine import Quarantine
from mission_control.registry.pauses import Breakers
from mission_control.signing.keyring import Keyring
from mission_control.store.redis_keys import RedBeatKeys


def assemble_firing(  # noqa: PLR0913  # all that firing is made of
    app: Celery,
    client: Redis,
    keys: RedBeatKeys,
    sender: EntrySender,
    quarantine: Quarantine,
    on_unfired: Callable[[Iterable[str]], object],
    breakers: Breakers,
    *,
    retention: timedelta,
    max_runs: int,
    most_unfinished: int,
    token: str,
    delivery: Delivery,
    keyring: Keyring,
) -> Firing:
    """Return a `Firing` for the beat that leads under `token`, "" if none need lead.

    Raises:
        RedisError: Redis does not take the fire script.
    """
    commit = Commit(client, token=token, retention=retention, max_runs=max_runs, redbeat_keys=keys)
    commit.load()
    messages = RunMessages(app, sender, keyring=keyring, signed_for=retention)
    return Firing(
        DueEntries(client, app, keys, keyring, most_unfinished=most_unfinished),
        FireRequests(messages, delivery, keyring),
        commit,
        PausesInForce(breakers),
        Conditions(client),
        quarantine,
        sender,
        on_unfired,
        most_unfinished=most_unfinished,
    )
