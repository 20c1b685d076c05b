"""Why something ran, did not run, or waits, and when it will run: from stored evidence and pure decisions."""
