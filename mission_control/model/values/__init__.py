"""The values that definitions and runs are made of: instants, ids, zones, paths, fields."""
