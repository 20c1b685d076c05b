"""Starting and stopping beat and workers, as the command lines an operator would type."""
