"""``dbproc links``: trees of symbolic links to the newest files."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from dbproc.changes.links import LinksMade, TreeTold, give_up, make, trees
from dbproc.cli.common import TIME, asking_options, cell, dry_run_option, mission_access, open_mission, print_json
from dbproc.cli.numbers import NUMBER
from dbproc.cli.selection import product_option
from dbproc.core.model import Period
from dbproc.core.slot_text import between
from dbproc.database.links import Tree


@click.command("links")
@click.argument("directory", required=False, type=click.Path(), metavar="[DIR]")
@product_option
@click.option("--start", type=TIME, metavar="WHEN", help="Files from this day, hour, minute or second on.")
@click.option("--end", type=TIME, metavar="WHEN", help="Up to this one, itself included.")
@click.option("--min-age", type=NUMBER, metavar="DAYS", help="Only of dates that are so many days ago at least.")
@click.option("--companions", is_flag=True, help="Link companion directories, too.")
@click.option("--remove", "is_removal", is_flag=True, help="Remove the links of DIR, and keep it up no longer.")
@asking_options
@dry_run_option
def links_command(
    directory: str | None,
    products: Sequence[str],
    start: Period | None,
    end: Period | None,
    min_age: int | None,
    companions: bool,
    is_removal: bool,
    mission: str,
    as_json: bool,
    dry_run: bool,
) -> int:
    """Make DIR a tree of symbolic links to the newest version of each file; runs keep it up. Without DIR: list them.

    A file that is in data/raw below the root has its link in DIR/data/raw. What else is in DIR is not touched. Given
    again with other options, DIR is changed to these.
    """
    if directory is None:
        with open_mission(mission, read_only=True) as store:
            found = trees(store)
        _print_trees(found, as_json=as_json)
        return 0
    path = os.path.realpath(directory)  # one tree, by whatever name
    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        if is_removal:
            done = give_up(store, path, only_look=dry_run)
        else:
            tree = Tree(directory=path, span=between(start, end), min_age=min_age, companions=companions)
            done = make(store, tree, products, only_look=dry_run)
    _print_made(done, as_json=as_json)
    return 1 if done.problem else 0


def _print_made(done: LinksMade, *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    if done.problem:
        click.echo(cell(done.problem), err=True)
    would = "" if done.is_done else " would be"
    click.echo(f"{cell(done.directory)}: {done.made:,} links{would} made, {done.removed:,} removed, {done.kept:,} kept")


def _print_trees(found: Sequence[TreeTold], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for tree in found:
        words = [f"of {', '.join(map(cell, tree.products))}" if tree.products else "of every product"]
        words += [f"from {cell(tree.start)}"] if tree.start else []
        words += [f"to {cell(tree.stop)}"] if tree.stop else []
        words += [f"{tree.min_age} days old"] if tree.min_age is not None else []
        words += ["with companion directories"] if tree.companions else []
        click.echo(f"{cell(tree.directory)}: the newest files {', '.join(words)}")
    if not found:
        click.echo("no tree of links; make one with: dbproc links DIR")
