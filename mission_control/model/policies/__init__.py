"""What is decided about occurrences and runs: misfire, retry, recovery."""
