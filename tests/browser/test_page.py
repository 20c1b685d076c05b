"""The page in a real browser, on a live system: what an operator does there, and whether everyone can."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.operate.assembly import granted_changes
from mission_control.operate.grants.tokens import create_grant
from mission_control.store import redis_keys
from mission_control.web.pages.views.table import VIEWS
from tests.browser.conftest import HEIGHT, PHONE, WIDE
from tests.stage.many_tasks import with_tasks_like

if TYPE_CHECKING:
    from typing import Literal

    from playwright.sync_api import Locator, Route
    from playwright.sync_api._generated import LocatorAssertions

    from tests.browser.conftest import Site

pytestmark = pytest.mark.starts_early(75)

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
BEYOND_THE_EDGE = "document.documentElement.scrollWidth - innerWidth"


def expect(what: Locator) -> LocatorAssertions:
    from playwright.sync_api import expect

    return expect(what)


def addresses(site: Site) -> list[str]:
    """Return an address of every page."""
    run = site.live.installation.ledger.runs_of("billing", limit=1)[0]
    known = {"task_id": "billing", "execution_id": run.execution_id}
    return [view.address.format(**known) for view in VIEWS]


def test_task_is_added_in_the_editor_and_seen_running(site: Site) -> None:
    with site.open("/editor") as page:
        page.get_by_label("Schedule").fill("every 1s")
        expect(page.locator("#preview")).to_contain_text("every second")
        page.get_by_label("Id").fill("wake_up")
        page.get_by_label("Handler").fill("handlers.greetings.run")
        page.get_by_role("button", name="Show what this changes").click()
        expect(page.locator("main")).to_contain_text("every second")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("h1")).to_have_text("wake_up")
        expect(page.locator("main")).to_contain_text("good morning")  # without a reload
        page.get_by_role("button", name="Disable").click()
        expect(page.get_by_role("button", name="Enable", exact=True)).to_be_visible()


def test_cause_of_a_failed_run_is_two_clicks_away_and_it_is_retried(site: Site) -> None:
    with site.open("/") as page:
        page.get_by_role("link", name="failure").click()
        page.locator("main table a[href^='/runs/']").first.click()
        expect(page.locator("#live .band strong").first).to_have_text("Failed.")
        expect(page.get_by_label("Error")).to_contain_text("Error:")
        page.get_by_role("button", name="Retry").click()
        expect(page.locator("h1")).to_contain_text("@manual-")
        expect(page.locator(".path")).to_contain_text("success")


def test_task_is_paused_with_a_reason_and_one_occurrence_skipped_by_keyboard_alone(site: Site) -> None:
    with site.open("/tasks/daily_briefing") as page:
        page.get_by_role("button", name="Skip").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_contain_text("will be skipped")
        page.locator("summary", has_text="Pause").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("month end")
        page.keyboard.press("Enter")
        expect(page.locator("#live .band").first).to_contain_text("month end")
        page.keyboard.press("g")
        page.keyboard.press("r")
        expect(page.locator("h1")).to_have_text("Runs")


def test_change_of_a_grant_is_approved(site: Site) -> None:
    here = site.live.installation
    given = {"name": "agent", "approve_above": "1/d", "handlers": ["handlers.greetings.run"]}
    parts = (here.grants, here.budgets)
    grant, _ = create_grant(*parts, given, lasts=timedelta(days=1), now=here.clock())
    wanted = [{"id": "agent_tea", "handler": "handlers.greetings.run", "schedule": "every 5m", "name": "tea"}]
    changes = granted_changes(here)
    changes.apply(grant, wanted, (), changes.plan(grant, wanted).digest)
    with site.open("/approvals") as page:
        page.get_by_role("button", name="Allow").click()
        expect(page.locator("main")).to_contain_text("agent_tea: allowed")
    assert here.registry.definition("agent_tea") is not None


def test_page_is_read_and_changed_without_scripts(site: Site) -> None:
    with site.open("/tasks", scripts=False) as page:
        expect(page.locator("h1")).to_have_text("Tasks")
        page.get_by_role("button", name="Run billing now").click()
        expect(page.locator("h1")).to_contain_text("billing@manual-")


@dataclass(frozen=True)
class Visits:
    """What is wrong, by address: reports of axe for each colour scheme, and pixels beyond a phone's edge."""

    reports: dict[str, dict[str, str]]
    overflows: dict[str, int]


@pytest.fixture(scope="module")
def visits(site: Site) -> Visits:
    """Visit every page once: to load it takes longer than to look at it in another way."""
    from axe_playwright_python.sync_playwright import Axe

    axe, found = Axe(), Visits({scheme: {} for scheme in SCHEMES}, {})
    with site.open("/") as page:
        for path in addresses(site):
            page.goto(path)
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
                results = axe.run(page)
                if results.violations_count:
                    found.reports[scheme][path] = results.generate_report()
            page.set_viewport_size({"width": PHONE, "height": HEIGHT})
            assert page.evaluate("innerWidth") == PHONE
            if (beyond := page.evaluate(BEYOND_THE_EDGE)) > 0:
                found.overflows[path] = beyond
            page.set_viewport_size({"width": WIDE, "height": HEIGHT})
        page.emulate_media(color_scheme=SCHEMES[0])
    return found


def test_no_page_overflows_a_phone(visits: Visits) -> None:
    assert visits.overflows == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_on_any_page(visits: Visits, scheme: str) -> None:
    assert visits.reports[scheme] == {}


def test_page_is_live_however_late_a_script_comes(site: Site) -> None:
    def later(route: Route) -> None:
        page.wait_for_timeout(500)
        route.continue_()

    with site.open("/limits") as page:
        page.route("**/hx-sse*", later)
        with page.expect_request("**/live?*"):
            page.goto("/tasks")


def test_killed_beat_is_seen_without_a_reload(site: Site) -> None:
    with site.open("/tasks") as page:
        expect(page.locator("#live .band")).to_have_count(0)
        leader = str(site.live.installation.client.get(redis_keys.BEAT_LEADER))
        os.kill(int(leader.rpartition(":")[2]), signal.SIGKILL)
        expect(page.locator("#live .band")).to_contain_text("No signal from beat")


def test_phone_shows_ten_thousand_tasks_of_one_name_and_a_redis_that_is_full_then_gone(site: Site) -> None:
    """The last test of this site: beat has been killed, and Redis is stopped."""
    live = site.live
    with_tasks_like(live.installation, "daily_briefing", 10_000)
    with site.open("/", width=PHONE) as page:

        def show(path: str) -> None:
            page.goto(path)
            assert page.evaluate(BEYOND_THE_EDGE) <= 0, path

        show("/tasks?q=task:many_*")
        expect(page.locator("main")).to_contain_text("10,000")
        show("/tasks/many_09999")
        expect(page.locator("main")).to_contain_text("Daily briefing")
        live.installation.client.config_set("maxmemory", "1")
        page.get_by_role("button", name="Run now").click()
        expect(page.locator("main")).to_contain_text("is full: raise its maxmemory")
        show("/")
        expect(page.locator("main")).to_contain_text("maxmemory")
        live.server.stop()
        expect(page.locator("#live .band").first).to_contain_text("No signal from Redis")
        show("/tasks")
        expect(page.locator("main")).to_contain_text("No signal from Redis")
    live.server.restart()
