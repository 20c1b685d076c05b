"""Files that people and programs share with us: tasks, calendars, the mirror of tasks."""
