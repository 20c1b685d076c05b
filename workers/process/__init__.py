"""The worker process beside its tasks: heartbeat, watchdog, leases, handing tasks over."""
