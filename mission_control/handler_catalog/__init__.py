"""Which handlers there are, and the contract they keep."""
