"""``dbproc lineage``: what a file came from, and what came from it."""

from __future__ import annotations

import click

from dbproc.cli.common import asking_options, cell, confirmed_words, indent, open_mission, print_json
from dbproc.cli.completers import complete_files
from dbproc.cli.selection import note_of
from dbproc.explain import lineage


@click.command("lineage")
@click.argument("file", shell_complete=complete_files)
@asking_options
def lineage_command(file: str, mission: str, as_json: bool) -> None:
    """Show what FILE came from, step by step, and what came from it."""
    with open_mission(mission, read_only=True) as store:
        facts = lineage.lineage(store, file)
    if as_json:
        print_json(facts)
        return
    for depth, row, is_repeated in lineage.ancestry(facts):
        made = f"  [{row.code}]" if row.code else "  [delivered]"
        click.echo(f"{indent(depth)}{cell(row.filename)}{made}{_note(row)}{' …' if is_repeated else ''}")
        _print_confirmed(row, depth)
    if facts.descendants:
        click.echo("\nwhat came from it:")
    for row in facts.descendants:
        click.echo(f"{indent(row.depth or 0)}{cell(row.filename)}  [{row.code}]{_note(row)}")
        _print_confirmed(row, row.depth or 0)


def _note(row: lineage.Relative) -> str:
    note = note_of(row)
    return f"  ({cell(note)})" if note else ""


def _print_confirmed(row: lineage.Relative, depth: int) -> None:
    for words in confirmed_words(row.confirmed):
        click.echo(f"{indent(depth + 1)}{words}")
