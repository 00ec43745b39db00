"""Groups of commands: their help, and what a misspelt command means."""

from __future__ import annotations

from collections.abc import Iterable

import click

from dbproc.core.likeness import did_you_mean, likely


class Group(click.Group):
    """A group whose help has the whole first sentence of each command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of one that there is not, say what may be meant."""
        if not ctx.resilient_parsing and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            near = likely(args[0], self.list_commands(ctx))
            hint = did_you_mean(near).capitalize() if near else f"{ctx.command_path} --help lists what there is."
            raise click.UsageError(f"No such command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which they were defined."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their lines, none cut."""
        write_commands(formatter, "Commands", ((name, first_sentence(each)) for name, each in self.commands.items()))


def write_commands(formatter: click.HelpFormatter, title: str, named: Iterable[tuple[str, str]]) -> None:
    """Write commands, each with its line, below a title."""
    with formatter.section(title):
        formatter.write_dl(list(named))


def first_sentence(command: click.Command) -> str:
    """What a command does, in a sentence."""
    text = command.short_help or (command.help or "").split("\n\n")[0]
    return " ".join(text.split()).partition(". ")[0].rstrip(".") + "."
