"""Redis: keys, scripts, connections, and what can go wrong with them."""
