"""`mission-control demo`: the main job, done for real, in front of a newcomer."""
