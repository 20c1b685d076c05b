"""What happens, as it happens: numbered, kept for a while, and sent to all who listen."""
