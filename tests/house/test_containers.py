"""The containers start what is there, as an ordinary user, and know whether it lives."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import sys
from typing import Any

import pytest
import yaml

from mission_control.configuration.settings import Settings
from mission_control.processes.fleet import STOP_WITHIN
from mission_control.processes.heartbeats import Heartbeat
from mission_control.store.connection import connect
from tests.house.repository import ROOT
from tests.stage.servers import RedisServer

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text("utf-8")
OURS = ("beat", "worker", "flower")
PUBLISHED = ("flower", "web")


@pytest.fixture
def services() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"])


def test_compose_starts_a_store_beat_workers_flower_and_the_page(services: dict[str, Any]) -> None:
    assert list(services) == ["redis", *OURS, "web"]


def test_service_has_a_health_check_and_time_to_end(services: dict[str, Any]) -> None:
    assert all(service["healthcheck"]["test"] for service in services.values())
    assert {service["stop_grace_period"] for service in services.values()} == {"60s"}


def test_handlers_have_their_grace_before_docker_kills_workers(services: dict[str, Any]) -> None:
    worker = services["worker"]
    assert "stop_signal" not in worker  # that of the image, SIGTERM
    grace = Settings().stop_grace_seconds + STOP_WITHIN.total_seconds()
    assert int(worker["stop_grace_period"].removesuffix("s")) > grace


def test_store_in_compose_persists_and_never_evicts(services: dict[str, Any]) -> None:
    command = " ".join(services["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert services["redis"]["volumes"] == ["redis:/data"]


def test_workers_can_be_scaled(services: dict[str, Any]) -> None:
    assert services["worker"].keys().isdisjoint({"container_name", "hostname", "ports"})


@pytest.mark.parametrize("name", PUBLISHED)
def test_service_is_published_to_this_machine_only(services: dict[str, Any], name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])


def test_page_is_served_by_the_command_on_the_port_that_is_published(services: dict[str, Any]) -> None:
    *command, port = services["web"]["command"]
    assert command == ["mission-control", "web", "--host", "0.0.0.0", "--port"]
    assert services["web"]["ports"][0].endswith(f":{port}")


@pytest.mark.parametrize("name", OURS)
def test_command_of_each_service_names_an_existing_application(services: dict[str, Any], name: str) -> None:
    command = services[name]["command"]
    assert command[:2] == ["celery", "-A"]
    assert importlib.util.find_spec(command[2]) is not None
    assert services[name]["environment"]["MISSION_CONTROL_REDIS_URL"] == "redis://redis:6379/0"


def test_image_is_made_of_existing_files_that_its_builder_gets() -> None:
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, flags=re.MULTILINE)
    sent = (ROOT / "deploy/Dockerfile.dockerignore").read_text("utf-8").splitlines()
    for source in " ".join(sources).split():
        assert (ROOT / source).exists()
        assert f"!{source}" in sent


def test_image_runs_as_an_ordinary_user_and_builds_without_a_remote_frontend() -> None:
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, flags=re.MULTILINE) == ["mission"]
    assert "# syntax=" not in DOCKERFILE


def test_image_installs_by_hashes_only() -> None:
    installs = re.findall(r"^RUN .*pip install (.+)$", DOCKERFILE, flags=re.MULTILINE)
    assert len(installs) == 2
    assert all("--no-deps" in install for install in installs)
    assert "--require-hashes" in installs[0]
    assert "--no-build-isolation" in installs[1]


def test_container_with_a_heartbeat_is_healthy() -> None:
    with RedisServer() as server, connect(server.url) as client:
        Heartbeat(client, "worker", f"celery@{socket.gethostname()}").beat()
        assert health("worker", server.url) == (0, "")
        code, why = health("beat", server.url)
    assert code == 1
    assert "no heartbeat of a beat" in why


def test_container_without_its_store_is_unhealthy_and_says_why() -> None:
    with RedisServer() as server:
        url = server.url
    code, why = health("beat", url)
    assert code == 1
    assert "cannot be reached" in why


def health(kind: str, url: str) -> tuple[int, str]:
    """Return the exit code and the words of the health check."""
    command = [sys.executable, str(ROOT / "deploy/healthcheck.py"), kind]
    environment = {**os.environ, "MISSION_CONTROL_REDIS_URL": url, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return answer.returncode, answer.stderr
