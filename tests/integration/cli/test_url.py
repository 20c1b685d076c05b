"""`mission-control url`: the broker's address for other Celery clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celery import Celery

from mission_control.cli.terminal.failures import ExitCode
from tests.stage.command_line import mc, run_program
from tests.stage.servers import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_broker_url_has_the_password_only_on_request(bare_environment: pytest.MonkeyPatch) -> None:
    with RedisServer(password="right") as server:
        bare_environment.setenv("MISSION_CONTROL_REDIS_URL", server.url)
        masked, whole = mc("url"), mc("url", "--password")
        assert masked.out == f"redis://***@127.0.0.1:{server.port}/0\n"
        assert "--password" in masked.err
        assert (whole.out, whole.err) == (f"{server.url}\n", "")
        assert mc("url", "--json").json == {"broker_url": masked.out.strip(), "master_name": None}
        with Celery(broker=whole.out.strip(), set_as_current=False) as client:
            client.send_task("handlers.hello.run", kwargs={"params": {}})
        with server.client() as redis:
            assert redis.llen("celery") == 1


def test_broker_of_its_own_has_the_url(bare_environment: pytest.MonkeyPatch) -> None:
    with RedisServer() as server:
        bare_environment.setenv("MISSION_CONTROL_REDIS_URL", server.url)
        bare_environment.setenv("MISSION_CONTROL_BROKER_URL", f"redis://:pw@127.0.0.1:{server.port}/7")
        assert mc("url", "--password").out == f"redis://:pw@127.0.0.1:{server.port}/7\n"


def test_url_of_a_managed_server_that_ends_with_the_command_is_marked(tmp_path: Path) -> None:
    (tmp_path / "data" / "redis").mkdir(parents=True, mode=0o700)
    answer = run_program("url", folder=tmp_path)
    assert answer.out.startswith("redis://***@127.0.0.1:")
    assert "no process keeps this server up" in answer.err


def test_program_with_a_broker_url_that_cannot_be_used_names_variable_and_remedy(tmp_path: Path) -> None:
    url = "reddis://:hunter2@127.0.0.1"
    answer = run_program("up", folder=tmp_path, MISSION_CONTROL_BROKER_URL=url)
    assert answer.code == ExitCode.USAGE
    assert "MISSION_CONTROL_BROKER_URL: 'reddis://***@127.0.0.1': Celery has no broker" in answer.err
    assert 'did you mean "redis"?; write redis://' in answer.err
    assert not (tmp_path / "data").exists()
