"""Ask a server whether it is there, is ours, and is ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from mission_control.store.embedded.server_state import ServerState

ANSWER_SECONDS = 1.0


@dataclass(frozen=True)
class ServerAnswer:
    """What the server says of itself."""

    pid: int
    run_id: str
    is_loading: bool


def ask_server(state: ServerState) -> ServerAnswer | None:
    """Return the answer of the recorded server within about a second.

    None where nobody answers, or the answer is another server's: the password is not accepted, or the
    process is not the recorded one.
    """
    try:
        with _client(state) as client:
            info = client.info("server", "persistence")
    except redis.RedisError:
        return None
    answer = ServerAnswer(info["process_id"], str(info["run_id"]), bool(info["loading"]))
    is_recorded = state.pid is None or (state.pid, state.run_id) == (answer.pid, answer.run_id)
    return answer if is_recorded else None


def ask_to_shut_down(state: ServerState) -> None:
    """Have the server write everything and end; returns when it has hung up, or where nobody listens."""
    try:
        with _client(state) as client:
            client.shutdown()
    except redis.RedisError:
        return


def _client(state: ServerState) -> redis.Redis:
    return redis.Redis.from_url(
        state.url,
        decode_responses=True,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
