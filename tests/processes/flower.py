"""Flower, started for real."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from mission_control.store.embedded.server_start import free_port
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@contextmanager
def flower(*arguments: str, folder: Path, environment: Mapping[str, str]) -> Iterator[httpx.Client]:
    """Start Flower with arguments of `celery`, and return a client for it once it answers."""
    port, log = free_port(), folder / "flower.log"
    command = [sys.executable, "-m", "celery", *arguments, "flower", f"--port={port}", "--address=127.0.0.1"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            env={**os.environ, **environment, "FLOWER_UNAUTHENTICATED_API": "true"},
            stdout=output,
            stderr=output,
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        try:
            wait_until(
                lambda: process.poll() is not None or answer(client, "/healthcheck"),
                "Flower answers",
                timeout=30,
            )
            assert process.poll() is None, log.read_text("utf-8")
            yield client
        finally:
            process.terminate()
            process.wait(timeout=60)


def answer(client: httpx.Client, path: str) -> Any:
    """Return what Flower answers, None as long as it has no answer."""
    try:
        response = client.get(path)
    except httpx.TransportError:
        return None
    if response.status_code != 200:
        return None
    return response.json() if "json" in response.headers["content-type"] else response.text
