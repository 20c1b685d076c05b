"""One attempt of a run: claiming it, watching it, ending it."""
