"""Looking after the schedule's keys: quarantine of entries, and rebuilding what was lost."""
