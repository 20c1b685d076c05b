"""What is wrong with a value or a definition, in words."""
