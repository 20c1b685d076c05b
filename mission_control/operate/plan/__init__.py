"""What applying tasks would change, before it is done: one plan for files, old revisions and plan files."""
