"""A reminder: a text sent to people at its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from mission_control.errors import InvalidTaskError
from mission_control.handler_catalog.contract import failure, read_params, success
from mission_control.installation.installation import current_installation
from mission_control.model.definitions.notify import Channel
from mission_control.model.values.fields import LONGEST_TEXT, Line
from mission_control.model.values.frozen_model import FrozenModel
from mission_control.notifications.delivery import notify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mission_control.notifications.delivery import Delivery


class _Params(FrozenModel):
    text: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=r"\S")]
    title: Line = "Reminder"
    to: Annotated[tuple[Channel, ...], Field(strict=False, min_length=1, max_length=32)] = ("default",)


def run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Send `params.text` (and `params.title`) to the channels in `params.to`, by Apprise.

    A channel is set up by `MISSION_CONTROL_NOTIFY_<CHANNEL>`. A retry goes only to the channels that no
    earlier attempt has reached, or may have reached: a worker that dies in sending sends no second time.
    """
    try:
        params = read_params(_Params, context)
    except InvalidTaskError as error:
        return failure(error)
    channels = list(dict.fromkeys(channel.lower() for channel in params.to))
    once = context.get("once", _First())
    remaining = [channel for channel in channels if once(f"sent to {channel}")]
    deliveries = notify(current_installation().settings, remaining, params.title, params.text)
    missed = [one.channel for one in deliveries if not one.is_delivered]
    for channel in missed:
        once.forget(f"sent to {channel}")
    return _result([channel for channel in channels if channel not in missed], deliveries)


class _First:
    """Stands in for `context["once"]` where somebody calls the handler without a worker."""

    def __call__(self, _key: str) -> bool:
        return True

    def forget(self, _key: str) -> None:
        """Remember nothing."""


def _result(reached: list[str], deliveries: list[Delivery]) -> dict[str, Any]:
    problems = [one.problem for one in deliveries if one.problem is not None]
    output = {"sent_to": reached}
    return failure("; ".join(problems), output) if problems else success(output)
