"""Messages to people over the channels that the operator has set up, each an Apprise URL."""
