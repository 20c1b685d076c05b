"""All pages, in the order in which an address is looked for."""

from typing import Final

from mission_control.web.pages.views import (
    activity,
    analytics,
    approvals,
    calendar,
    editor,
    graph,
    limits,
    now,
    pressure,
    run,
    runs,
    task,
    tasks,
    timeline,
    workers,
)
from mission_control.web.pages.visit import View

VIEWS: Final = (
    View("/", "Now", "now.html", now.read, shows_some=True, query=("since",)),
    View("/tasks", "Tasks", "tasks.html", tasks.read, shows_some=True, query=("q", "page")),
    View("/tasks/{task_id}", "Task", "task.html", task.read, shows_some=True),
    View("/editor", "New task", "editor.html", editor.read, is_live=False, shows_some=True, query=None),
    View(
        "/editor/{task_id}",
        "Edit task",
        "editor.html",
        editor.read,
        is_live=False,
        shows_some=True,
        query=None,
    ),
    View("/runs", "Runs", "runs.html", runs.read, shows_some=True, query=("q", "after", "n")),
    View("/runs/{execution_id}", "Run", "run.html", run.read, shows_some=True),
    View(
        "/timeline", "Timeline", "timeline.html", timeline.read, shows_some=True, query=("task", "n", "after")
    ),
    View("/pressure", "Pressure", "pressure.html", pressure.read, shows_some=True),
    View("/analytics", "Analytics", "analytics.html", analytics.read, query=("task", "last")),
    View("/graph", "Graph", "graph.html", graph.read, shows_some=True, query=("text",)),
    View("/workers", "Workers and queues", "workers.html", workers.read),
    View("/limits", "Limits and budgets", "limits.html", limits.read),
    View("/approvals", "Approvals", "approvals.html", approvals.read),
    View("/activity", "Activity", "activity.html", activity.read, shows_some=True, query=("task", "n")),
    View("/calendar", "Calendar", "calendar.html", calendar.read, shows_some=True, query=("task", "month")),
)
