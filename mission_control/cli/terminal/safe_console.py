"""A console on which foreign text is text: nothing in it commands the terminal."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from mission_control.model.values.printable_text import escaped


class SafeConsole(Console):
    """A Rich console that escapes what cannot be shown, wherever the text comes from; styles stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Return the segments of `renderable`."""
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else escaped(segment.text, but="\n")
            yield segment if text is segment.text else Segment(text, segment.style)
