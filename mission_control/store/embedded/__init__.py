"""The managed Redis server that is used when no other is configured.

It lives in `DATA_DIR/redis`, listens on one loopback port, requires a password, and ends with its owner.
"""
