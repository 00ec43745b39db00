"""``dbproc adopt``: what lies in the directories of products, taken in where it is."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbproc.cli.common import asking_options, cell, dry_run_option, mission_access, open_mission, print_json
from dbproc.cli.correcting import all_option, shown_of
from dbproc.cli.progress import Screen
from dbproc.cli.selection import product_option
from dbproc.cli.terminal import bad


@click.command("adopt")
@product_option
@click.option("--derived", is_flag=True, help="Files of products that processes make, too.")
@asking_options
@dry_run_option
@all_option
def adopt_command(
    products: Sequence[str], derived: bool, mission: str, as_json: bool, dry_run: bool, is_whole: bool
) -> int:
    """Take into the catalogue, where they are, files in directories of products that it does not know.

    They are inspected as deliveries are. Nothing is moved: what is refused, or belongs elsewhere, stays as it is, is
    told, and makes the exit status 1. With --derived, outputs that were made elsewhere count as made from what is there
    now: they are made anew when that changes.
    """
    from dbproc.changes.adopt import adopt, sums

    screen = Screen()
    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        try:
            done = adopt(store, products, derived=derived, only_look=dry_run, progress=screen.progress)
        finally:
            screen.clear()
    if as_json:
        print_json(done)
        return 1 if done.left else 0
    for file in shown_of(done.files, is_whole=is_whole):
        click.echo(f"{'would take in' if dry_run else 'took in'} {cell(file.file)}: {cell(file.words)}")
    for left in shown_of(done.left, is_whole=is_whole):
        click.echo(f"{bad('left')} {cell(left.path)}: {cell(left.why)}")
    for product in done.derived:
        click.echo(f"{product.files} of {cell(product.product)}, which a process makes: --derived takes them in")
    click.echo(", ".join(sums(done)))
    return 1 if done.left else 0
