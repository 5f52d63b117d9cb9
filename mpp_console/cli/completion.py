"""`completion`: the script that teaches a shell to complete this program's commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]

_USES = {
    "bash": 'eval "$(mpp-console completion bash)"',
    "zsh": 'eval "$(mpp-console completion zsh)"',
    "fish": "mpp-console completion fish | source",
}


@click.command()
@click.argument("shell", type=click.Choice(sorted(_USES)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  eval "$(mpp-console completion bash)"       in ~/.bashrc
    zsh:   eval "$(mpp-console completion zsh)"        in ~/.zshrc
    fish:  mpp-console completion fish | source        in ~/.config/fish/config.fish
    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - the choice above lists what click has
    root = ctx.find_root().command
    click.echo(found(root, {}, "mpp-console", "_MPP_CONSOLE_COMPLETE").source())
