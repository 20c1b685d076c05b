"""Wall-clock time: the one place where local time becomes an instant."""
