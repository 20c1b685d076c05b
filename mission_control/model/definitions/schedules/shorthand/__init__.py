"""What people write for schedules and moments: "every 5m", "weekly mon,fri 16:00", "tomorrow 09:00"."""
