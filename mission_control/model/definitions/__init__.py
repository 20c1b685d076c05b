"""What a task is, and when it is due."""
