"""REST under `/api/v1`: one file of routes for each kind of resource, listed in `router.py`."""
