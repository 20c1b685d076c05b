"""Setting and removing what tasks refer to by name, limits and budgets, and telling what that did."""

from collections.abc import Mapping
from typing import Any

from mission_control.cli.terminal.output import tell
from mission_control.registry.named_resources import NamedResources


def set_resource(
    resources: NamedResources[Any], given: Mapping[str, Any], *, reason: str | None, dry_run: bool
) -> None:
    """Set one, by the fields that were given."""
    name, fields = given["name"], {field: value for field, value in given.items() if value is not None}
    is_changed = resources.set(fields, reason=reason, dry_run=dry_run)
    words = resources.get(name).words() if not dry_run else "would be set (dry run)"
    tell(f"{name}: {words}" if is_changed else f"{name}: is so already")


def remove_resource(
    resources: NamedResources[Any], name: str, *, force: bool, reason: str | None, dry_run: bool
) -> None:
    """Remove one, and name the tasks that run without it."""
    users = resources.remove(name, force=force, reason=reason, dry_run=dry_run)
    without = f"; without it run {', '.join(users)}" if users else ""
    tell(f"{name}: {'would be removed (dry run)' if dry_run else 'removed'}{without}")
