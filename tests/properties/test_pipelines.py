"""Random graphs of tasks: the model and beat on Redis against a plain reading of the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mission_control.model.composition.graph import Node, graph_problems
from mission_control.model.composition.joining import Join, On, Release, decide_join, end_class
from mission_control.model.composition.release import UpstreamRun, decide_release, upstream_ids
from mission_control.model.definitions.task_parts import Dependency
from mission_control.model.runs.run_state import FINAL_STATES, RAN_AND_FAILED, RunState
from tests.processes.pipelines import NINE, ROOT, World

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

MET = {
    "success": {RunState.SUCCESS},
    "failure": RAN_AND_FAILED,
    "finished": {RunState.SUCCESS, *RAN_AND_FAILED},
    "any": FINAL_STATES,
}
"""Which states each value of `on` asks for, written apart from the product."""

Plan = dict[str, tuple[Join, list[tuple[str, On]], RunState]]


@st.composite
def plans(draw: st.DrawFn, most: int = 8) -> Plan:
    """Draw tasks below one root `t0`, each after some earlier ones, with how its run ends if it starts."""
    ends = st.sampled_from([RunState.SUCCESS, RunState.SUCCESS, RunState.FAILURE, RunState.CANCELLED])
    plan: Plan = {"t0": ("all", [], draw(ends))}
    for at in range(1, draw(st.integers(2, most))):
        names = draw(st.lists(st.sampled_from(sorted(plan)), min_size=1, max_size=4, unique=True))
        on = st.sampled_from(get_args(On))
        plan[f"t{at}"] = (
            draw(st.sampled_from(get_args(Join))),
            [(one, draw(on)) for one in names],
            draw(ends),
        )
    return plan


def expected_of(plan: Plan) -> dict[str, RunState]:
    """Return how the run of each task ends in the end."""
    found: dict[str, RunState] = {}
    for name, (join, after, end) in plan.items():
        met = [found[one] in MET[on] for one, on in after]
        starts = not after or (all(met) if join == "all" else any(met))
        found[name] = end if starts else RunState.SKIPPED
    return found


def blamed(plan: Plan, ended: dict[str, RunState], name: str) -> set[str]:
    """Return the tasks that may be at the root of why a task was skipped."""
    _, after, _ = plan[name]
    found: set[str] = set()
    for one, on in after:
        if ended[one] not in MET[on]:
            found |= blamed(plan, ended, one) if ended[one] is RunState.SKIPPED else {one}
    return found


@given(
    st.sampled_from(get_args(Join)),
    st.lists(st.tuples(st.sampled_from(get_args(On)), st.none() | st.sampled_from(sorted(FINAL_STATES)))),
)
def test_decision_never_changes_when_more_runs_end(
    join: Join, ends: list[tuple[On, RunState | None]]
) -> None:
    known = [(on, None if state is None else end_class(state)) for on, state in ends]
    decided = decide_join(join, known)
    if decided is not Release.WAIT:
        for state in FINAL_STATES:
            later = [(on, end_class(state) if ended is None else ended) for on, ended in known]
            if join == "any" or decided is Release.SKIP or None not in {one for _, one in known}:
                assert decide_join(join, later) is decided
    else:
        assert None in {ended for _, ended in known}


@given(plans(20), st.randoms(use_true_random=False))
def test_random_graph_ends_as_the_rules_say_in_any_order(plan: Plan, random: object) -> None:
    nodes = {
        name: Node.of_parts(dependencies(after), join, has_schedule=not after)
        for name, (join, after, _) in plan.items()
    }
    expected, ended = expected_of(plan), {}
    for name, (_, after, _) in plan.items():
        assert graph_problems(name, dependencies(after), nodes) == []
    runs = {f"t0@{ROOT}": UpstreamRun(f"t0@{ROOT}", expected["t0"], NINE, None, f"t0@{ROOT}")}
    ended["t0"] = expected["t0"]
    left = [name for name in plan if name != "t0"]
    while left:
        random.shuffle(left)  # type: ignore[attr-defined]
        for name in list(left):
            join, after, end = plan[name]
            ids = upstream_ids(dependencies(after), join, f"t0@{ROOT}")
            released = decide_release(
                dependencies(after), join, [runs.get(one) for one in ids], lambda *_: None, NINE
            )
            if released.verdict is Release.WAIT:
                continue
            left.remove(name)
            ended[name] = end if released.verdict is Release.START else RunState.SKIPPED
            cause = None if released.cause is None else released.cause.to_dict()
            one = f"{name}@after-{ROOT}"
            runs[one] = UpstreamRun(one, ended[name], NINE, cause, f"t0@{ROOT}")
            if cause is not None:
                assert cause["run"].partition("@")[0] in blamed(plan, expected, name)
    assert ended == expected


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans(), kill=st.integers(0, 5))
def test_beat_ends_a_random_graph_as_the_rules_say(installation: Installation, plan: Plan, kill: int) -> None:
    installation.client.flushall()
    world = World(installation)
    try:
        for name, (join, after, _) in plan.items():
            more = {"after": [{"task": one, "on": on} for one, on in after], "join": join} if after else {}
            world.root(name, **({"schedule": None} if after else {}), **more)
        world.fire(10)
        for at in range(10 * len(plan)):
            waiting = [run for run in world.ledger.active() if not run.state.is_final]
            if not waiting:
                break
            run = waiting[(at + kill) % len(waiting)]
            world.end(run, plan[run.task_id][2])
            world.fire()
            world.fire()  # once more does no harm
        found = {name: world.existing(name).state for name in plan}
        assert found == expected_of(plan)
        for name in plan:
            assert world.ours.client.zcard(f"mc:task:{name}:runs") == 1
    finally:
        world.beat.close()


def dependencies(after: list[tuple[str, On]]) -> tuple[Dependency, ...]:
    return tuple(Dependency(task=one, on=on) for one, on in after)
