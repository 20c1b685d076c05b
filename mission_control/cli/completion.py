"""`mission-control completion`."""

import rich_click as click
from click.shell_completion import get_completion_class

from mission_control.cli.terminal.output import echo

_EXAMPLE = 'Example, for ~/.bashrc: eval "$(mission-control completion bash)"'


@click.command(epilog=_EXAMPLE)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and ids; evaluate it in the shell's start file."""
    kind = get_completion_class(shell)
    root = context.find_root().command
    if kind is not None:
        echo(*kind(root, {}, "mission-control", "_MISSION_CONTROL_COMPLETE").source().splitlines())
