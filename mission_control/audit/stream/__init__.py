"""The files of the audit stream: appending, chaining, reading, following."""
