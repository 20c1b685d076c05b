"""Who calls, and what they may: the same for REST and the pages, by the grants that MCP uses."""
