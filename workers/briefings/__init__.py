"""Briefings: what happened and what is to come, written down for a person to read.

`daily` and `weekly` put facts into words and are pure; `sources`, `notes` and `agenda` gather the facts;
`briefing_file` keeps the result.
"""
