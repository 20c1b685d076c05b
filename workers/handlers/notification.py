"""What Mission Control tells people of their tasks; beat sends it as runs of this handler."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from mission_control.errors import InvalidTaskError
from mission_control.handler_catalog.contract import failure, read_params, success
from mission_control.installation.installation import current_installation
from mission_control.model.definitions.task_parts import Channel
from mission_control.model.values.addresses import parse_networks
from mission_control.model.values.fields import LONGEST_TEXT, FrozenModel, Line
from mission_control.notifications.delivery import notify_once
from mission_control.notifications.message_runs import RETRIES, other_channel


class _Params(FrozenModel):
    to: Annotated[tuple[Channel, ...], Field(strict=False, min_length=1, max_length=32)]
    title: Line
    text: Annotated[str, Field(max_length=LONGEST_TEXT)]


def run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Send `params.title` and `params.text` to the channels in `params.to`.

    A retry sends only to the channels that have not taken it. If none has after the last retry, the channel
    `fallback`, or else `default`, gets the message, and with it the reasons.
    """
    try:
        params = read_params(_Params, context)
    except InvalidTaskError as error:
        return failure(error)
    settings = current_installation().settings
    urls, allowed = dict(settings.notify), parse_networks(settings.outbound_allow)
    send = partial(notify_once, urls, once=context["once"], allowed=allowed)
    problems = send(params.to, params.title, params.text)
    sent, reasons = [one for one in params.to if one not in problems], "; ".join(problems.values())
    other = other_channel(params.to, urls) if not sent and context["attempt"] > RETRIES else None
    if other is not None:
        more = send([other], params.title, f"{params.text}\n\nSent to {other}, because: {reasons}")
        if not more:
            return success({"sent_to": [other], "problems": problems})
        reasons = f"{reasons}; {more[other]}"
    output = {"sent_to": sent}
    return failure(reasons, output) if problems else success(output)
