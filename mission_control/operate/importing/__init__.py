"""Reading the schedules of other programs: crontabs, Celery Beat, APScheduler. Nothing of them is run."""
