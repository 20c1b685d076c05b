"""`mission-control task plan`, and what a plan looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import as_text, echo_file, echo_json, near, tell, tell_issues
from mission_control.cli.terminal.wording import labelled_time, own_zone
from mission_control.model.values.printable_text import escaped

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.operate.plan.effects import Demand, Effect
    from mission_control.operate.plan.shown_plan import ShownChange, ShownPlan
    from mission_control.operate.plan.task_plan import Plan

SIGNS: Final = {"created": "+", "updated": "~", "unchanged": "=", "renamed": ">", "removed": "-"}
_NAMED: Final = 20
_WHOLE: Final = 100


def old_and_new(_ctx: click.Context, _param: click.Parameter, value: Sequence[str]) -> dict[str, str]:
    """Return the pairs that an option gives, each as OLD=NEW."""
    found = {}
    for one in value:
        old, sign, new = one.partition("=")
        if not (old and sign and new):
            raise click.BadParameter(f"{one!r} is not OLD=NEW")
        found[old] = new
    return found


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what a plan of files may do beyond creating and updating tasks."""
    prune = click.option(
        "--prune", is_flag=True, help="Remove tasks that were applied from these files, and left them since."
    )
    rename = click.option(
        "--rename",
        "renames",
        multiple=True,
        metavar="OLD=NEW",
        callback=old_and_new,
        help="NEW in the files takes the counters of the registered task OLD, which is removed.",
    )
    catch_up = click.option(
        "--catch-up",
        is_flag=True,
        help="New tasks run what they missed since their start, by their misfire policy.",
    )
    return prune(rename(catch_up(command)))


task_files = click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
out_file = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the plan to FILE, for `task apply FILE`.",
)


@click.command()
@task_files
@out_file
@plan_options
@parameters.as_json
def plan(files: Sequence[Path], out: Path | None, as_json: bool, **how: Any) -> None:  # noqa: ANN401
    """Show what `task apply` would change, and what follows from it. Changes nothing.

    That is each field before and after, when tasks are due next, what would fire at once, and about how many
    runs and how much money a day the changed tasks need. With --out the plan is written to a file, which is
    refused once anything in it has changed. It holds secrets in full, and only its owner can read it.
    """
    # A plan that is written is of this installation, which it therefore founds, as the apply of it would.
    with current(sets_up=True, dry_run=out is None) as installation:
        found = plan_of_files(installation, files, **how)
        offer(installation, found, out, as_json=as_json)


def plan_of_files(
    installation: Installation,
    files: Sequence[Path],
    *,
    catch_up: bool = False,
    **how: Any,  # noqa: ANN401
) -> Plan:
    """Return the plan of the files named, or of the installation's own."""
    from mission_control.operate.plan.planning import check_task_files, plan_of

    registry = installation.registry
    paths = files or [installation.settings.default_tasks_file]
    checked = check_task_files(registry, paths, catch_up=catch_up)
    return plan_of(registry, checked, catch_up=catch_up, **how)


def offer(installation: Installation, found: Plan, out: Path | None, *, as_json: bool) -> None:
    """Show a plan, and write it to a file if one is named."""
    from mission_control.operate.plan.plan_file import plan_data, write_plan
    from mission_control.operate.plan.shown_plan import shown_plan
    from mission_control.operate.plan.task_plan import changed_tasks
    from mission_control.operate.task_issues import issues_of_tasks

    registry, resources, now = installation.registry, installation.resources, installation.clock()
    shown = shown_plan(registry, installation.client, resources, found, now)
    if as_json:
        echo_json(shown.to_json(found))
    else:
        # At once: there may be thousands. A line break in what a line quotes must not begin another.
        echo_file("".join(f"{escaped(line)}\n" for line in _lines(shown)))
    tell_notes(found)
    tell(f"{summary(found.counts())}{_costs(shown)} (nothing was changed)")
    tell_issues(issues_of_tasks(installation.client, changed_tasks(found)))
    if out is not None:
        write_plan(out, plan_data(found, registry.planned.files.installation_id(), resources))
        tell(f"apply this plan with: mission-control task apply {near(out)}")


def _lines(shown: ShownPlan) -> Iterator[str]:
    for one in (*shown.resources, *shown.tasks):
        yield from change_lines(one)
        if one.effect is not None:
            yield from _effect_lines(one.effect)


def change_lines(one: ShownChange) -> list[str]:
    """Return lines that say what becomes of a task, with its fields before and after."""
    was = "" if one.former_id is None else f" (was {one.former_id})"
    return [f"{SIGNS[one.kind]} {one.name}{was}", *field_lines(one.fields)]


def field_lines(changes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return lines that say how fields changed.

    >>> field_lines({"priority": {"from": 0, "to": 3}, "schedule.time": {"from": None, "to": "09:00"}})
    ['    priority: 0 → 3', '    schedule.time:  → 09:00']
    """
    return [f"    {path}: {as_text(one['from'])} → {as_text(one['to'])}" for path, one in changes.items()]


def _effect_lines(effect: Effect) -> Iterator[str]:
    from mission_control.model.values.instants import from_unix

    due = (effect.due_before, effect.due_after)
    before, after = ("never" if one is None else labelled_time(from_unix(one), own_zone()) for one in due)
    if before != after:
        yield f"    next due: {before} → {after}"
    if effect.fires_now:
        yield (
            f"    would fire now: {effect.fires_now} times" if effect.fires_now > 1 else "    would fire now"
        )


def tell_notes(found: Plan) -> None:
    """Say what a plan does not do, and how it would."""
    for new, old in list(found.similar.items())[:_NAMED]:
        tell(f"{new} looks like a rename of {old}: --rename {old}={new} keeps its history")
    left = [one for one in found.left if one not in found.similar.values()]
    if left:
        more = ", …" if len(left) > _NAMED else ""
        tell(f"no longer in its file, and kept: {', '.join(left[:_NAMED])}{more}; --prune removes it")


def summary(done: Mapping[Any, int]) -> str:
    """Return in words what applying a plan did.

    >>> summary({"created": 2, "updated": 0, "unchanged": 1})
    '2 created, 1 unchanged'
    """
    return ", ".join(f"{count} {what}" for what, count in done.items() if count) or "no tasks"


def _costs(shown: ShownPlan) -> str:
    found = [
        f"{unit} a day about {_amount(before)} → {_amount(after)}"
        for unit, before, after in _by_unit(shown.before, shown.after)
        if before or after
    ]
    return f"; of the changed tasks, {', '.join(found)}" if found else ""


def _by_unit(before: Demand, after: Demand) -> Iterable[tuple[str, float, float]]:
    return ((unit, getattr(before, unit), getattr(after, unit)) for unit in ("runs", "usd", "tokens"))


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= _WHOLE else f"{value:.3g}"
