"""Makes the pictures in docs/screens: every page of a live system with a seeded history."""

from __future__ import annotations

import threading
from typing import Final

import uvicorn
from playwright.sync_api import Page, sync_playwright

from mission_control.web.server import create_app
from tests.browser.conftest import CHROMIUM, HANDLERS
from tests.house.repository import ROOT
from tests.stage.live_installation import LiveInstallation, live_installation
from tests.stage.seeded_history import seed
from tests.stage.waiting import wait_until

FOLDER: Final = ROOT / "docs" / "screens"
PAGES: Final = {
    "now": "/",
    "tasks": "/tasks",
    "task": "/tasks/import_orders",
    "editor": "/editor/daily_briefing",
    "runs": "/runs?q=state:failed",
    "run": "",
    "timeline": "/timeline?n=12",
    "pressure": "/pressure",
    "calendar": "/calendar",
    "analytics": "/analytics",
    "graph": "/graph",
    "workers": "/workers",
    "limits": "/limits",
    "approvals": "/approvals",
    "activity": "/activity",
}
ON_PHONES: Final = {name: PAGES[name] for name in ("now", "tasks", "run")}
LOOKS: Final = {
    "": {"color_scheme": "light", "viewport": {"width": 1_280, "height": 860}},
    "-dark": {"color_scheme": "dark", "viewport": {"width": 1_280, "height": 860}},
    "-phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}


def main() -> None:
    """Take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with live_installation(HANDLERS) as live, sync_playwright() as playwright:
        seed(live.installation)
        server = uvicorn.Server(
            uvicorn.Config(create_app(live.installation), port=0, log_level="warning", lifespan="off")
        )
        threading.Thread(target=server.run, daemon=True).start()
        wait_until(lambda: server.started, "the server listens")
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for look, options in LOOKS.items():
            context = browser.new_context(base_url=url, timezone_id="Europe/Berlin", **options)  # type: ignore[arg-type]
            page = context.new_page()
            for name, path in PAGES.items() if look != "-phone" else ON_PHONES.items():
                _take(live, page, path, f"{name}{look}.png")
        browser.close()
        server.should_exit = server.force_exit = True


def _take(live: LiveInstallation, page: Page, path: str, name: str) -> None:
    failed = next(
        run for run in live.installation.ledger.runs_of("billing", limit=80) if run.error is not None
    )
    page.goto(path or f"/runs/{failed.execution_id}")
    page.screenshot(path=FOLDER / name)


if __name__ == "__main__":
    main()
