"""What beat sends: messages as Celery would have built them, and the outbox."""
