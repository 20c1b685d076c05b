"""Upkeep of the schedule: quarantine of corrupt entries, and the rebuild of a lost schedule."""
