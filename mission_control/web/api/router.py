"""All routes under `/api/v1`."""

from fastapi import APIRouter

from mission_control.web.api import (
    bulk,
    events,
    grants,
    resources,
    runs,
    schedules,
    service,
    switching,
    tasks,
)
from mission_control.web.problems import DECLARED

router = APIRouter(prefix="/api/v1", responses=DECLARED)
for _one in (tasks, runs, schedules, switching, bulk, events, grants, service, resources):
    router.include_router(_one.router)
