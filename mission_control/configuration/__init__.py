"""The settings, and the clock."""
