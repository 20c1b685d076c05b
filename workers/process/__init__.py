"""The worker process around its tasks: heartbeat, watchdog, leases, early starts."""
