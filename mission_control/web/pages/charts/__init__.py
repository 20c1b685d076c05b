"""Charts as SVG, made by pure functions; each has a table, or a label, that says the same."""
