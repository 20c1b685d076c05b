"""The Celery application of beat: `celery -A beat.app beat`."""

from functools import partial

import beat.scheduler  # noqa: F401  # before Celery handles SIGTERM, which may come in the middle of an import
from mission_control.installation.installation import create_app, installation_or_end

app = create_app("beat", partial(installation_or_end, "beat"))
