"""Runs, records and notes as tables and lines."""
