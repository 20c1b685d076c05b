"""Mission Control: scheduled tasks that run on time, once, are retried as told, and leave a record."""
