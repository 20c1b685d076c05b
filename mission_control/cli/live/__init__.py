"""Beat and worker in the foreground: their logs, restarts and signals."""
