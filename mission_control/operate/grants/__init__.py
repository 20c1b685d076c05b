"""What the holder of a grant may do, for every face: the one place in which that is enforced."""
