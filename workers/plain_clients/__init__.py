"""Messages of plain Celery clients, and those whose handler other workers have."""
