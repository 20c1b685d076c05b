"""A turn of beat: holding the lead, waiting for due entries, side work."""
