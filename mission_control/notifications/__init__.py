"""Telling people: messages to the channels that the operator has set up, each an Apprise URL."""

from mission_control.notifications.delivery import Delivery, notify

__all__ = ["Delivery", "notify"]
