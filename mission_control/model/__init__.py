"""What a task and a run are, and what is decided about them: pure models and functions.

Nothing in this package opens a file, reads the environment or the clock, or talks to Redis or Celery;
what it needs from outside is handed in.
"""
