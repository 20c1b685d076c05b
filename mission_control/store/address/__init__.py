"""Where Redis is: the spellings of its URL, sentinels included."""
