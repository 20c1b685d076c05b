"""A turn of beat: holding the lead, waiting for what is due, side work, memory."""
