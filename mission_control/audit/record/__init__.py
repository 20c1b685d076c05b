"""One record of the audit stream: its fields, its masking, its identity."""
