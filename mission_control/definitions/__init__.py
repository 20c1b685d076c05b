"""What a task is, and when it is due: pure models and functions.

Nothing in this package opens a file, reads the environment or the clock, or talks to Redis or Celery;
what it needs from outside is handed in.
"""
