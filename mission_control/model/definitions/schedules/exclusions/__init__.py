"""The days and times that a schedule leaves out."""
