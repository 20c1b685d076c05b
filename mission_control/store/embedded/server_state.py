"""The file that lets every process of this user find and enter the managed server."""

from pathlib import Path

import redis
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.backoff import NoBackoff
from redis.retry import Retry

from mission_control.safe_paths.own_files import open_own, replace_file

STATE_FILE = "server.json"
ANSWER_SECONDS = 1.0


class ServerState(BaseModel):
    """Where the server listens and how to enter it; both outlive the server."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    port: int = Field(ge=1, le=65_535)
    password: str = Field(min_length=32, repr=False)

    @property
    def url(self) -> str:
        """The URL that redis-py, RedBeat and kombu all understand."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def is_ready(self) -> bool | None:
        """Ask the server, within a second: True if it serves, False while it loads its data, else None."""
        retry = Retry(NoBackoff(), 0)
        try:
            with redis.Redis.from_url(
                self.url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, retry=retry
            ) as client:
                return bool(client.ping())
        except redis.BusyLoadingError:
            return False
        except redis.RedisError:
            return None

    def configuration(self) -> str:
        """Return the server's configuration.

        Reachable from this machine only; every write is in the append-only file at once and on the disk
        within a second; nothing is ever evicted. The append-only file holds plain commands, because a file
        with a binary preamble cannot be read by another version of the server.
        """
        return f"""\
bind 127.0.0.1
port {self.port}
protected-mode yes
requirepass {self.password}
daemonize no
appendonly yes
appendfsync everysec
aof-use-rdb-preamble no
save ""
maxmemory-policy noeviction
"""


def read_state(directory: Path) -> ServerState | None:
    """Return the recorded state, or None where there is none or it is damaged."""
    try:
        with open(directory / STATE_FILE, "rb", opener=open_own) as file:
            return ServerState.model_validate_json(file.read())
    except (FileNotFoundError, ValidationError):
        return None


def write_state(directory: Path, state: ServerState) -> None:
    """Replace the recorded state; a reader sees the old one or the new one, only its owner can read it."""
    replace_file(directory / STATE_FILE, state.model_dump_json().encode())
