"""What keeps work from being done, and the remedy: decided from values, without asking Redis."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from shlex import quote
from typing import Any, Final

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.instants import format_instant
from mission_control.model.values.names import Names
from mission_control.model.values.quantities import counted, duration
from mission_control.operate.issue import Issue, listed, redis_cli
from mission_control.operate.queues import QueueState
from mission_control.processes.heartbeats import ProcessInfo
from mission_control.registry.checked_task import CheckedTask
from mission_control.store.redis_keys import AUDIT_QUARANTINE
from mission_control.store.troubles import refusal_in

Work = Mapping[tuple[str, str], Sequence[str]]
"""What needs a worker, by queue and handler: the ids of tasks or runs."""

LONG_WAIT: Final = timedelta(minutes=5)
"""A queue whose oldest message has waited longer has too few workers."""

_START: Final = "start one with `mission-control up`"


def of_tasks(tasks: Iterable[TaskDefinition | CheckedTask]) -> Work:
    """Return the work that tasks will send."""
    return _grouped((task.queue, task.handler, task.id) for task in tasks)


def of_runs(runs: Iterable[RunRecord]) -> Work:
    """Return the work of the runs that wait for a worker."""
    waiting = (run for run in runs if run.state is not RunState.RUNNING and not run.state.is_final)
    return _grouped((run.queue, run.handler, run.execution_id) for run in waiting)


def beat_issues(alive: Iterable[ProcessInfo]) -> Iterator[Issue]:
    """Yield that no beat runs, or that none leads."""
    beats = [one for one in alive if one.kind == "beat"]
    if not beats:
        yield Issue("no_beat", "no beat runs, so nothing fires", _START)
    elif not any(one.info.get("leading") for one in beats):
        remedy = (
            "a beat that stands by takes over within MISSION_CONTROL_LEADER_SECONDS: `mission-control status`"
        )
        evidence = {"beats": [one.name for one in beats]}
        yield Issue("no_leader", "no beat leads, so nothing fires", remedy, evidence)


def overdue_issues(overdue: Sequence[str]) -> Iterator[Issue]:
    """Yield that occurrences are overdue, of which these are some."""
    if overdue:
        problem = f"{listed(overdue)} should have fired over a minute ago"
        remedy = (
            f"`mission-control why {quote(overdue[0].partition('@')[0])}` says why; look into the log of beat"
        )
        yield Issue("overdue", problem, remedy, {"overdue": list(overdue)})


def service_issues(
    alive: Sequence[ProcessInfo],
    work: Work,
    active: Sequence[RunRecord],
    queues: Sequence[QueueState],
    now: datetime,
) -> Iterator[Issue]:
    """Yield what is wrong with the workers and the queues, for the work of tasks and the active runs."""
    yield from work_issues(alive, [work, of_runs(active)], queues)
    yield from handler_issues(alive)
    yield from control_issues(alive)
    yield from worker_issues(stopped_workers(alive, active))
    yield from queue_issues(queues, now)


def work_issues(
    alive: Iterable[ProcessInfo], work: Iterable[Work], queues: Iterable[QueueState] = ()
) -> Iterator[Issue]:
    """Yield the queues that no worker serves, and the handlers that no worker of their queue has."""
    workers = [one.info for one in alive if one.kind == "worker"]
    unserved, missing = defaultdict[str, Names](Names), defaultdict[str, Names](Names)
    for (queue, handler), names in ((key, names) for one in work for key, names in one.items()):
        serving = [info for info in workers if queue in info.get("queues", ())]
        if not serving:
            unserved[queue].add_all(names)
        elif not any(handler in info.get("handlers", (handler,)) for info in serving):
            missing[handler].add_all(names)
    for state in queues:
        if not any(state.name in info.get("queues", ()) for info in workers):
            unserved[state.name].add(counted(state.waiting, "message"))
    for queue, names in sorted(unserved.items()):
        remedy = f"start one for it: `celery -A workers.app worker -Q {quote(queue)}`" if workers else _START
        problem = f"no worker serves the queue {queue} ({listed(names)})"
        yield Issue("unserved_queue", problem, remedy, {"queue": queue, "waiting": names})
    for handler, names in sorted(missing.items()):
        remedy = (
            "put its file into the workers' handlers directory, and restart them: "
            "`mission-control handler list` shows what they have"
        )
        problem = f"no worker has the handler {handler} ({listed(names)})"
        yield Issue("missing_handler", problem, remedy, {"handler": handler, "waiting": names})


def upstream_issues(missing: Mapping[str, Sequence[str]]) -> Iterator[Issue]:
    """Yield the tasks that come after tasks that do not exist."""
    for task_id, names in missing.items():
        change = f"mission-control task update {quote(task_id)} --set after=[]"
        remedy = f"register it again, or change what the task comes after, such as `{change}`"
        problem = f"task {task_id} comes after {listed(names)}: no such task"
        yield Issue("missing_upstream", problem, remedy, {"task": task_id, "missing": list(names)})


def handler_issues(alive: Iterable[ProcessInfo]) -> Iterator[Issue]:
    """Yield the broken handlers of workers, and handlers of which workers have several versions."""
    workers = [one for one in alive if one.kind == "worker"]
    problems = {problem: one.name for one in workers for problem in dict(one.info.get("broken", {})).values()}
    for problem, worker in problems.items():
        remedy = "repair it (`mission-control handler check`); restart a worker without --reload then"
        evidence = {"worker": worker, "problem": problem}
        yield Issue("broken_handler", f"broken handler on {worker}: {problem}", remedy, evidence)
    versions: dict[str, dict[str, str]] = defaultdict(dict)
    for one in workers:
        for path, digest in dict(one.info.get("handlers", {})).items():
            versions[path].setdefault(digest, one.name)
    for path, workers_of in versions.items():
        if len(workers_of) > 1:
            names = " and ".join(workers_of.values())
            remedy = "restart the workers that have the older one: `mission-control handler list` compares"
            evidence = {"handler": path, "digests": {one: digest for digest, one in workers_of.items()}}
            yield Issue("handler_versions", f"{names} have different versions of {path}", remedy, evidence)


def queue_issues(queues: Iterable[QueueState], now: datetime) -> Iterator[Issue]:
    """Yield the queues whose messages wait too long."""
    for queue in queues:
        if queue.oldest is not None and now - queue.oldest > LONG_WAIT:
            since = f"the oldest for {duration(now - queue.oldest)}"
            problem = f"{counted(queue.waiting, 'message')} in the queue {queue.name} wait, {since}"
            start = f"celery -A workers.app worker -Q {quote(queue.name)}"
            remedy = f"start more workers, `{start}`, or give them more --concurrency"
            evidence = {"queue": queue.name, "waiting": queue.waiting, "oldest": format_instant(queue.oldest)}
            yield Issue("long_queue", problem, remedy, evidence)


def stopped_workers(alive: Iterable[ProcessInfo], runs: Iterable[RunRecord]) -> dict[str, list[str]]:
    """Return the workers that no longer answer, each with the running runs that it had."""
    workers = {one.name for one in alive if one.kind == "worker"}
    found: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        # A program that runs a task in its own process has no name with "@", and sends no heartbeat.
        if run.state is RunState.RUNNING and run.worker not in workers and "@" in (run.worker or ""):
            found[str(run.worker)].append(run.execution_id)
    return dict(found)


def worker_issues(stopped: Mapping[str, Sequence[str]]) -> Iterator[Issue]:
    """Yield the workers that stopped with runs in hand."""
    for worker, names in sorted(stopped.items()):
        remedy = (
            "another worker takes over after MISSION_CONTROL_VISIBILITY_SECONDS: `mission-control run list`"
        )
        problem = f"{worker} does not answer, and has {listed(names)} in hand"
        yield Issue("stopped_worker", problem, remedy, {"worker": worker, "runs": list(names)})


def control_issues(alive: Iterable[ProcessInfo]) -> Iterator[Issue]:
    """Yield the workers that remote control has changed, each with the commands."""
    for one in alive:
        if changes := [str(change) for change in one.info.get("changed", ())]:
            problem = f"{one.name} was changed by remote control: {listed(changes)}"
            start = f"celery -A workers.app worker -n {quote(one.name)}"
            remedy = f"restart that worker to undo it: `{start}`"
            yield Issue("changed_worker", problem, remedy, {"worker": one.name, "changes": changes})


def broker_issue(problem: str) -> Issue:
    """Return that the broker cannot be reached."""
    remedy = "correct MISSION_CONTROL_BROKER_URL, or start that server: `mission-control url` shows which"
    return Issue("no_broker", problem, remedy)


def refusal_issues(info: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield why Redis takes no writes, as its answer to INFO says."""
    refusal = refusal_in(info)
    if refusal is not None:
        cause, _, remedy = refusal.partition(": ")
        command = redis_cli("INFO")
        yield Issue(
            "redis_refuses", f"Redis {cause}", f"{remedy}; `{command}` shows its state", {"refusal": cause}
        )


def key_issues(wrong_keys: Mapping[str, tuple[str, str]]) -> Iterator[Issue]:
    """Yield the keys that another program has overwritten with another type."""
    for key, (found, needed) in wrong_keys.items():
        remedy = f"look at it, then: `{redis_cli(f'DEL {quote(key)}')}`"
        evidence = {"key": key, "found": found, "needed": needed}
        yield Issue("wrong_key", f"key {key} is a {found} and must be a {needed}", remedy, evidence)


def remedy_of_quarantine(name: str, *, stays: bool) -> str:
    """Return what to do about a quarantined task, and what becomes of its occurrences meanwhile.

    `stays`: it is still on the schedule.
    """
    meanwhile = (
        "each occurrence is missed until then"
        if stays
        else "what falls due until then is recorded afterwards, by its misfire policy"
    )
    remedy = f"remove the cause, and it fires again; at once with `mission-control task enable {quote(name)}`"
    return f"{remedy}; {meanwhile}"


def quarantine_issues(notes: Sequence[Mapping[str, str]]) -> Iterator[Issue]:
    """Yield the entries and the audit records in quarantine; dead letters are recorded as rejected runs."""
    for note in notes:
        name, problem = note["what"], note["problem"]
        if note["kind"] == "task":
            remedy = remedy_of_quarantine(name, stays="stays" in note)
            evidence = {"task": name, "problem": problem}
            yield Issue("quarantined_task", f"{name} is quarantined: {problem}", remedy, evidence)
        elif note["kind"] == "RedBeat entry":
            remedy = (
                "remove the cause or save it again, and it fires once for all that fell due until then: "
                "`mission-control status --quarantine`"
            )
            evidence = {"entry": name, "problem": problem}
            yield Issue(
                "quarantined_entry", f"RedBeat entry {name} is quarantined: {problem}", remedy, evidence
            )
    records = sum(note["kind"] == "audit record" for note in notes)
    if records:
        remedy = (
            "look at them with `mission-control status --quarantine`, then: "
            f"`{redis_cli(f'DEL {AUDIT_QUARANTINE}')}`"
        )
        problem = f"{counted(records, 'audit record')} in quarantine"
        yield Issue("quarantined_records", problem, remedy, {"records": records})


def _grouped(needs: Iterable[tuple[str, str, str]]) -> Work:
    work = defaultdict[tuple[str, str], Names](Names)
    for queue, handler, name in needs:
        work[queue, handler].add(name)
    return work
