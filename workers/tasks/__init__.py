"""Handlers as Celery tasks: loading, registering and leaving them."""
