"""`mission-control budget …`: budgets, which tasks refer to."""
