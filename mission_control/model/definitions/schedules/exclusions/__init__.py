"""The days and times that a schedule excludes."""
