"""What is wrong with what belongs to the tasks: their file, their records, their notifications."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from shlex import quote
from typing import Final

from mission_control.model.values.quantities import counted
from mission_control.operate.doctor.evidence import Service
from mission_control.operate.issue import Issue, listed


def differing_files(service: Service) -> Iterator[Issue]:
    """Yield the task files that cannot be read, and those from which tasks differ."""
    for file in service.files:
        path = quote(str(file.path))
        if file.problem is not None:
            remedy = f"correct it, then `mission-control tasks plan {path}`"
            yield Issue("task_file", file.problem, remedy, {"file": str(file.path)})
        ways = {"changed": file.changed, "not registered": file.added, "no longer in it": file.left}
        said = "; ".join(f"{words}: {listed(ids)}" for words, ids in ways.items() if ids)
        if said:
            remedy = f"see `mission-control tasks plan {path}`, then `mission-control tasks apply {path}`"
            evidence = {
                "file": str(file.path),
                "changed": file.changed,
                "added": file.added,
                "left": file.left,
            }
            yield Issue("file_differs", f"tasks differ from {file.path}; {said}", remedy, evidence)


def pending_records(service: Service) -> Iterator[Issue]:
    """Yield that audit records wait to be written."""
    if count := service.pending_records:
        problem = (
            f"{counted(count, 'audit record')} wait to be written: the disk may be full, or no beat runs"
        )
        yield Issue(
            "pending_records", problem, "write them: `mission-control audit repair`", {"pending": count}
        )


def unreported_failures(service: Service) -> Iterator[Issue]:
    """Yield that failures are sent to no channel."""
    if service.unreported is not None:
        problem, _, remedy = service.unreported.partition("; ")
        try_it = "try it with `mission-control notify test default`"
        yield Issue("no_channel", problem, f"{remedy}; {try_it}")


TASK_CHECKS: Final[tuple[Callable[[Service], Iterator[Issue]], ...]] = (
    differing_files,
    pending_records,
    unreported_failures,
)
