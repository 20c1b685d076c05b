"""The handlers that exist, and the contract they follow."""
