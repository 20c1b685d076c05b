"""*Limits and budgets*: who holds slots, who waits for them, and what is spent of what."""

from typing import Any

from mission_control.operate.budgets import standings
from mission_control.operate.limits import buckets
from mission_control.web.pages.visit import Visit


def read(visit: Visit) -> dict[str, Any]:
    """Return limits with their holders and budgets with their standings."""
    here = visit.installation
    limited, budgeted = here.limits.all_users(), here.budgets.all_users()
    return {
        "limits": [
            (limit, buckets(here.client, limit, visit.now), limited.get(name, []))
            for name, limit in sorted(here.limits.all().items())
        ],
        "budgets": [
            (budget, standings(here.client, budget, visit.now), budgeted.get(name, []))
            for name, budget in sorted(here.budgets.all().items())
        ],
    }
