"""The file that lets every process of this user find and enter the managed server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from pathlib import Path

STATE_FILE = "server.json"


class ServerState(BaseModel):
    """Where the server listens and how to enter it.

    Port and password outlive the server. `pid` and `run_id` are those of the running server; they are
    None from before it is started until it has answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: int = Field(ge=1, le=65_535)
    password: str = Field(min_length=32, repr=False)
    pid: int | None = None
    run_id: str | None = None

    @property
    def url(self) -> str:
        """The URL that redis-py, RedBeat and kombu all understand."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def read_state(directory: Path) -> ServerState | None:
    """Return the recorded state, or None where there is none or it is damaged."""
    try:
        return ServerState.model_validate_json((directory / STATE_FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_state(directory: Path, state: ServerState) -> None:
    """Replace the recorded state; a reader sees the old one or the new one, only the owner can read it."""
    draft = directory / f"{STATE_FILE}.new"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(state.model_dump_json())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(directory / STATE_FILE)
