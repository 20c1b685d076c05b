"""Beat and worker in the foreground: their log lines made readable, their end noticed, signals obeyed."""
