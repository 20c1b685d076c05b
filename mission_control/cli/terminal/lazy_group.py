"""A group whose commands are imported when they run, or when their help is shown.

See "Lazily Loading Subcommands" in Click's documentation; this one works with rich-click's help.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import rich_click as click

from mission_control.cli.terminal.examples import example_of
from mission_control.cli.terminal.parameters import DATA_DIR
from mission_control.model.problems.suggestions import did_you_mean

_PACKAGE: Final = "mission_control.cli"

# What other command lines call these verbs.
_VERBS: Final = {"ls": "list", "rm": "remove", "delete": "remove", "create": "add", "trigger": "run"}


class LazyGroup(click.RichGroup):
    """A group of commands given as `name: "module:attribute"` below `mission_control.cli`, in that order.

    `aliases` are further names of commands, which the help names below its list. `elsewhere` are commands of
    another group that are found here, too.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        lazy: Mapping[str, str],
        aliases: Mapping[str, str] = _VERBS,
        elsewhere: Mapping[str, str] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy
        self._aliases = {name: one for name, one in aliases.items() if one in lazy}
        self._elsewhere = elsewhere if elsewhere is not None else {}
        self.params.append(DATA_DIR)
        self.epilog = self.epilog or self._other_names()

    def _other_names(self) -> str | None:
        names = [f"{one} ({name})" for one, name in self._aliases.items()] + list(self._elsewhere)
        return f"Also: {', '.join(names)}." if names else None

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # Click's signature
        """Return the names in their given order."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, importing its module; each takes the data directory, too."""
        name = cmd_name if cmd_name in self._lazy else self._aliases.get(cmd_name, cmd_name)
        place = self._lazy.get(name, self._elsewhere.get(name))
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(f"{_PACKAGE}.{module}"), attribute)
        if DATA_DIR not in command.params:
            command.params.append(DATA_DIR)
            command.epilog = command.epilog or example_of(self.name, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments begin with; if there is none, name the nearest one."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.UsageError(
                f"no such command {name!r}{did_you_mean(name, self.list_commands(ctx))}", ctx
            )
        return super().resolve_command(ctx, args)
