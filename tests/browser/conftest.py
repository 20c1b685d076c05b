"""One live system for all tests of the page: beat, a worker, the server, a seeded history, and Chromium."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import uvicorn

from mission_control.web.server import create_app
from tests.stage.live_installation import LiveInstallation, live_installation
from tests.stage.seeded_history import seed
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Error, Page

_PATIENCE_MS = 30_000
"""A machine that runs other tests may be slow; each wait ends as soon as it has what it waits for."""

CHROMIUM = shutil.which("chromium")
WIDE, HEIGHT = 1_280, 900
PHONE = 360
HANDLERS = {"greetings": "def run(context):\n    return {'status': 'success', 'output': 'good morning'}\n"}


@dataclass(frozen=True)
class Site:
    """The page of a live system, in a browser; a new window would cost more than most tests do in it."""

    live: LiveInstallation
    window: Page
    without_scripts: Page

    @contextmanager
    def open(self, path: str, *, scripts: bool = True, width: int = WIDE) -> Iterator[Page]:
        """Open an address; an error in its scripts fails the test."""
        page, errors = self.window if scripts else self.without_scripts, list[str]()

        def note(error: Error) -> None:
            errors.append(str(error))

        page.on("pageerror", note)
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.goto(path)
        yield page
        page.unroute_all()
        page.remove_listener("pageerror", note)
        assert errors == []


@pytest.fixture(scope="module")  # no other file can have an event loop until Playwright has ended
def site() -> Iterator[Site]:
    """The site; without Chromium these tests are left out, except in CI."""
    if CHROMIUM is None:
        missing = "Chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_PATIENCE_MS)
    with live_installation(HANDLERS) as live, sync_playwright() as playwright:
        seed(live.installation, runs_each=40)
        config = uvicorn.Config(create_app(live.installation), port=0, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        wait_until(lambda: server.started, "the server listens")
        port = server.servers[0].sockets[0].getsockname()[1]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        windows = [
            browser.new_page(base_url=f"http://127.0.0.1:{port}", java_script_enabled=scripts)
            for scripts in (True, False)
        ]
        for window in windows:
            window.set_default_timeout(_PATIENCE_MS)
        yield Site(live, *windows)
        browser.close()
        server.should_exit = True
        server.force_exit = True
        thread.join(10)
