"""A reminder: a text sent to people at its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from mission_control.definitions.fields import LONGEST_TEXT, Line
from mission_control.definitions.frozen_model import FrozenModel
from mission_control.definitions.notify import Channel
from mission_control.errors import InvalidTaskError
from mission_control.handler_contract import failure, read_params, success
from mission_control.installation import current_installation
from mission_control.notifications import notify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mission_control.notifications import Delivery


class _Params(FrozenModel):
    text: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=r"\S")]
    title: Line = "Reminder"
    to: Annotated[tuple[Channel, ...], Field(strict=False, min_length=1, max_length=32)] = ("default",)


def run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Send `params.text` (and `params.title`) to the channels in `params.to`, by Apprise.

    A channel is set up by `MISSION_CONTROL_NOTIFY_<CHANNEL>`. A retry goes only to the channels that
    an earlier attempt did not reach.
    """
    try:
        params = read_params(_Params, context)
    except InvalidTaskError as error:
        return failure(error)
    reached = _reached_before(context)
    remaining = [channel for channel in params.to if channel.lower() not in reached]
    deliveries = notify(current_installation().settings, remaining, params.title, params.text)
    return _result([*reached, *(one.channel for one in deliveries if one.is_delivered)], deliveries)


def _reached_before(context: Mapping[str, Any]) -> list[str]:
    """Return the channels that earlier attempts of this run reached, as their output in the ledger says."""
    if context.get("attempt", 1) <= 1:
        return []
    run_so_far = current_installation().ledger.get(context["execution_id"])
    output = None if run_so_far is None else run_so_far.output
    return list(output.get("sent_to", [])) if isinstance(output, dict) else []


def _result(reached: list[str], deliveries: list[Delivery]) -> dict[str, Any]:
    problems = [one.problem for one in deliveries if one.problem is not None]
    output = {"sent_to": reached}
    return failure("; ".join(problems), output) if problems else success(output)
