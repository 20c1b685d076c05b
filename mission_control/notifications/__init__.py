"""Telling people: messages to the channels that the operator has set up, each an Apprise URL."""
