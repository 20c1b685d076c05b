"""The web server: REST under `/api/v1`, and the pages. `operate/` answers; this room asks and shows.

Only this room imports `fastapi`.
"""
