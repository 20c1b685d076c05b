"""Redis behind TLS: every process gets there, and none without the right certificate."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import trustme
from celery.schedules import schedule
from redbeat import RedBeatSchedulerEntry

from mission_control.dispatch.enqueue import Dispatch
from mission_control.errors import StoreUnavailableError
from mission_control.installation.installation import current_installation
from mission_control.store.connection import connect, store_errors
from tests.processes.forked import ForkedFleet
from tests.stage.audit_stream import records_of
from tests.stage.sentinels import MASTER_NAME, PASSWORD, SENTINEL_PASSWORD, Sentinel
from tests.stage.servers import RedisServer
from tests.stage.tls_front import TlsFront
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A server behind TLS; `url` says where, and whom to trust."""

    url: str
    fronts: tuple[TlsFront, ...]


@pytest.fixture(params=["one server", "one that Sentinels name"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    trust = f"ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={file}"
    with ExitStack() as ends:
        server = ends.enter_context(RedisServer(password=PASSWORD))
        front = ends.enter_context(TlsFront(server.port, authority))
        if request.param == "one server":
            yield Place(f"rediss://:{PASSWORD}@127.0.0.1:{front.port}/0?{trust}", (front,))
            return
        sentinel = ends.enter_context(Sentinel(front.port))
        wait_until(lambda: sentinel.master().get("is_master"), "the Sentinel names the master")
        before = ends.enter_context(TlsFront(sentinel.port, authority))
        names = f"master_name={MASTER_NAME}&sentinel_password={SENTINEL_PASSWORD}"
        address = f"rediss-sentinel://:{PASSWORD}@127.0.0.1:{before.port}/0"
        yield Place(f"{address}?{names}&{trust}", (before, front))


def test_producer_beat_and_worker_talk_tls(bare_environment: pytest.MonkeyPatch, place: Place) -> None:
    bare_environment.setenv("MISSION_CONTROL_REDIS_URL", place.url)
    installation = current_installation()
    RedBeatSchedulerEntry("theirs", "handlers.hello.run", schedule(1), app=installation.celery).save()
    fleet = ForkedFleet(installation.client, installation.settings, concurrency=1)
    fleet.start()
    try:
        answer = Dispatch.of(installation).enqueue("handlers.hello.run", {"name": "Ada"}).wait(timeout=60)
        assert answer["output"] == "Hello, Ada!"
        wait_until(lambda: records_of(installation, "theirs"), "RedBeat's entry has run", timeout=20)
    finally:
        fleet.stop(0)
        installation.celery.close()
        installation.client.close()
    assert all(front.encrypted > 0 for front in place.fronts)
    assert place.fronts[0].plain == 0


def test_untrusted_certificate_is_accepted_only_if_the_url_says_so() -> None:
    with RedisServer() as server, TlsFront(server.port, trustme.CA()) as front:
        url = f"rediss://127.0.0.1:{front.port}/0"
        with connect(f"{url}?ssl_cert_reqs=CERT_NONE") as client:
            assert client.ping()
        with (
            connect(url) as client,
            pytest.raises(StoreUnavailableError, match="certificate verify failed"),
            store_errors(url),
        ):
            client.ping()
