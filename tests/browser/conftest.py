"""One live system for all tests of the page: beat, a worker, the server, a seeded history, and Chromium."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from mission_control.web.server import create_app
from tests.stage.live_installation import LiveInstallation, live_installation
from tests.stage.seeded_history import seed
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE_MS = 30_000
"""A machine that runs other tests may be slow; each wait ends as soon as it has what it waits for."""

expect.set_options(timeout=_PATIENCE_MS)
CHROMIUM = shutil.which("chromium")
HANDLERS = {"greetings": "def run(context):\n    return {'status': 'success', 'output': 'good morning'}\n"}


@dataclass(frozen=True)
class Site:
    """The page of a live system, in a browser."""

    live: LiveInstallation
    browser: Browser
    url: str

    @contextmanager
    def open(
        self, path: str = "/", *, scheme: str = "light", scripts: bool = True, width: int = 1_280
    ) -> Iterator[Page]:
        """Open an address in a window of its own; an error in its scripts fails the test."""
        options: Any = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
        context = self.browser.new_context(java_script_enabled=scripts, base_url=self.url, **options)
        page, errors = context.new_page(), list[str]()
        page.set_default_timeout(_PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path)
        yield page
        context.close()
        assert errors == []


@pytest.fixture(scope="module")  # no other file can have an event loop until Playwright has ended
def site() -> Iterator[Site]:
    """The site; without Chromium these tests are left out, except in CI."""
    if CHROMIUM is None:
        missing = "Chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with live_installation(HANDLERS) as live, sync_playwright() as playwright:
        seed(live.installation, runs_each=40)
        config = uvicorn.Config(create_app(live.installation), port=0, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        wait_until(lambda: server.started, "the server listens")
        port = server.servers[0].sockets[0].getsockname()[1]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield Site(live, browser, f"http://127.0.0.1:{port}")
        browser.close()
        server.should_exit = True
        server.force_exit = True
        thread.join(10)
