"""What follows from the end of a run: which tasks run after it, and which no longer can."""
