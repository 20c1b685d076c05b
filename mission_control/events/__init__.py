"""Every event that is logged."""
