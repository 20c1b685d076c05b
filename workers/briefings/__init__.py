"""Briefings: what happened and what is due next, written as Markdown for a person.

`sources`, `notes`, `agenda` and `due_tasks` gather the facts, `task_runs` sorts them, `markdown` renders them
with the templates in `templates/`, and `briefing_file` writes the result.
"""
