"""The permanent record: append-only JSONL files of what ran and what was changed."""
