"""The page *Now*, made once before a server answers.

So its first visitor waits as long as the next, and not for templates to be compiled, every task's definition
to be read and the broker's queues to be found among all its keys.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Final

from mission_control.model.values.zones import zone
from mission_control.web.pages.rendering import page
from mission_control.web.pages.signals import NO_TROUBLE
from mission_control.web.pages.views.table import VIEWS
from mission_control.web.pages.visit import Visit

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

_PATIENCE: Final = 3.0
"""How many seconds a server waits for it at most; one whose Redis does not answer shows that, and soon."""


def make_first_page(installation: Installation) -> None:
    """Return when the page is made, or after three seconds. Trouble is for the visitors to see."""
    visit = Visit(installation, zone("UTC"), installation.clock())
    making = Thread(target=page, args=(VIEWS[0], visit, NO_TROUBLE, {}), name="first page", daemon=True)
    making.start()
    making.join(_PATIENCE)
