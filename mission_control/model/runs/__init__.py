"""A run as a value: its record, its states, its history, its limits."""
