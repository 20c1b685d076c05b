"""What will be, or would have been: beat and workers under a clock of their own, with the same decisions."""
