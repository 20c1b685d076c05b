"""Entering and ending runs outside the timetable: enqueue, cancel, retry."""
