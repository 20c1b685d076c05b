"""The server of the page as a process of its own, in front of an installation at work."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx

from benchmarks.marks import MARKS_VARIABLE
from benchmarks.ours import installation_at
from benchmarks.place import Place
from mission_control.installation.installation import Installation
from mission_control.processes.commands import beat_command, worker_command
from mission_control.processes.http_server import listen
from mission_control.processes.service_process import ServiceCommand, ServiceProcess
from mission_control.store import redis_keys


def start_services(place: Place) -> Installation:
    """Start beat and a worker, and return the installation that they serve."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    installation = installation_at(place, web_port=port)
    place.start(beat_command("WARNING"), _environment(place, installation))
    worker = worker_command("benchmark@%h", concurrency=2, log_level="WARNING")
    place.start(worker, _environment(place, installation))
    place.wait_until(lambda: place.client.exists(redis_keys.BEAT_LEADER), "beat leads")
    place.wait_for_worker()
    return installation


def start_web(place: Place, installation: Installation) -> tuple[str, ServiceProcess]:
    """Start the server; return its URL and its process when it answers."""
    command = ServiceCommand("web", [sys.executable, "-m", "mission_control", "web"])
    web = place.start(command, _environment(place, installation))
    url = f"http://127.0.0.1:{installation.settings.web_port}"
    place.wait_until(lambda: _answers(url), "the page is served")
    return url, web


def _environment(place: Place, installation: Installation) -> dict[str, str]:
    return {**installation.settings.environment(), MARKS_VARIABLE: str(place.marks)}


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").is_success
    except httpx.HTTPError:
        return False


def resident_bytes(pid: int) -> int:
    """Return how much memory of a process is resident, as Linux has it."""
    fields = Path(f"/proc/{pid}/status").read_text("utf-8").split("VmRSS:")[1].split()
    return int(fields[0]) * 1024
