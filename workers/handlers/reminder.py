"""A reminder: a text that is sent to people when it is due."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from mission_control.errors import InvalidTaskError
from mission_control.handler_catalog.contract import failure, read_params, success
from mission_control.installation.installation import current_installation
from mission_control.model.definitions.task_parts import Channel
from mission_control.model.values.addresses import parse_networks
from mission_control.model.values.fields import LONGEST_TEXT, FrozenModel, Line
from mission_control.notifications.delivery import notify_once


class _Params(FrozenModel):
    text: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=r"\S")]
    title: Line = "Reminder"
    to: Annotated[tuple[Channel, ...], Field(strict=False, min_length=1, max_length=32)] = ("default",)


def run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Send `params.text` (and `params.title`) to the channels in `params.to`, by Apprise.

    `MISSION_CONTROL_NOTIFY_<CHANNEL>` sets a channel up. A retry skips the channels that an earlier attempt
    has reached or may have reached: if a worker dies while sending, the message is not sent a second time.
    """
    try:
        params = read_params(_Params, context)
    except InvalidTaskError as error:
        return failure(error)
    channels = list(dict.fromkeys(channel.lower() for channel in params.to))
    settings = current_installation().settings
    problems = notify_once(
        dict(settings.notify),
        channels,
        params.title,
        params.text,
        once=context["once"],
        allowed=parse_networks(settings.outbound_allow),
    )
    output = {"sent_to": [channel for channel in channels if channel not in problems]}
    return failure("; ".join(problems.values()), output) if problems else success(output)
