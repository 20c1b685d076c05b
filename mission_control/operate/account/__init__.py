"""Accounts: what the timetables expected in a span of time, and what became of each occurrence."""
