"""*Approvals*: changes of agents that wait for a person, each with what it would change."""

from typing import Any

from mission_control.audit.record.difference import difference
from mission_control.audit.record.masking import masked_definition
from mission_control.operate.assembly import granted_changes
from mission_control.registry.grants import Approval
from mission_control.registry.registry import Registry
from mission_control.web.pages.visit import Visit


def read(visit: Visit) -> dict[str, Any]:
    """Return what waits, the grants, and the difference of each change from the task as it is."""
    here = visit.installation
    waiting = granted_changes(here).approvals.all()
    return {
        "waiting": [(one, _change(here.registry, one)) for one in waiting],
        "grants": sorted(here.grants.all().items()),
    }


def _change(registry: Registry, one: Approval) -> dict[str, Any]:
    known = registry.definition(one.task_id)
    before = {} if known is None else masked_definition(known.to_dict())
    after = masked_definition(one.definition)
    return difference({name: before.get(name) for name in after}, after)
