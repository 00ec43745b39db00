"""``dbproc completion``: what makes a shell complete commands, options and the names of the catalogue."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("fish", "bash", "zsh")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print what SHELL needs to complete commands, options and names.

    For bash, in ~/.bashrc: eval "$(dbproc completion bash)". For zsh the same with zsh, in ~/.zshrc. For fish:
    dbproc completion fish > ~/.config/fish/completions/dbproc.fish
    """
    completes = get_completion_class(shell)
    assert completes is not None
    click.echo(completes(ctx.find_root().command, {}, "dbproc", "_DBPROC_COMPLETE").source())
