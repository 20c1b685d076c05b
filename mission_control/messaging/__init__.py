"""Messages: the Celery configuration all processes share, and how a run becomes a message."""
