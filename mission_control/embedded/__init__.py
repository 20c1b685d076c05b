"""The managed Redis server that is used when no other is configured."""
