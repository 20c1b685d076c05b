"""Handlers as Celery tasks: loading and registering them, and the cold exit of their process."""
