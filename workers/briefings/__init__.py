"""Briefings: what happened and what is due next, written as Markdown for a person.

`sources` and `agenda` gather the facts, `task_runs` sorts them, `markdown` renders them with the templates in
`templates/`, and `occasion` writes the result.
"""
