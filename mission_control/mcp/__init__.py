"""The tools of holders of grants, for agents, by the Model Context Protocol.

Only this room imports the package `mcp`, an extra.
"""
