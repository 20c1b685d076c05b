"""`mission-control tasks …`: all tasks at once, from and to files."""
