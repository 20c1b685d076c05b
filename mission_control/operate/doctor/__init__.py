"""The doctor: everything that is wrong, or will be, found in evidence that was gathered before."""
