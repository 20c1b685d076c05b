"""What is asked about runs and tasks: the language of filters, its fields, and whether a filter holds."""
