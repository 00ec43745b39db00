"""``dbproc compare``: two databases held against each other."""

from __future__ import annotations

import click

from dbproc.cli.common import all_option, cell, json_option, open_mission, print_json, print_some
from dbproc.cli.terminal import good
from dbproc.explain.comparison import Compared, OtherValue, compare


@click.command("compare")
@click.argument("first", metavar="DATABASE")
@click.argument("second", metavar="DATABASE")
@json_option
@all_option
def compare_command(first: str, second: str, as_json: bool, everything: bool) -> int:
    """Compare two databases by names: definitions, files, digests, what was made from what by which code.

    Either may be SQLite or PostgreSQL, named as for -m. Numbers, times of runs and the roots of the missions do not
    count. Exit status 0: they are equal, 1: they differ.
    """
    with open_mission(first, read_only=True) as one, open_mission(second, read_only=True) as other:
        found = compare(one, other)
    if as_json:
        print_json(found)
    else:
        _print(found, everything=everything)
    return 0 if found.is_equal else 1


def _print(found: Compared, *, everything: bool) -> None:
    print_some([_words(each) for each in found.definition], "definition: ", everything=everything)
    print_some(found.only_first, "only in the first: ", everything=everything)
    print_some(found.only_second, "only in the second: ", everything=everything)
    lines = [f"{each.file}: {'; '.join(map(_words, each.differences))}" for each in found.different]
    print_some(lines, "differs: ", everything=everything)
    if found.not_compared:
        click.echo(f"{found.not_compared:,} with digests of different algorithms: bytes not compared")
    only = f"{len(found.only_first):,} only in the first, {len(found.only_second):,} only in the second"
    sums = f"{found.equal:,} files equal, {len(found.different):,} differ, {only}"
    click.echo(f"{good('equal')}: {found.equal:,} files" if found.is_equal else sums)


def _words(each: OtherValue) -> str:
    return f"{each.what} {cell(each.first)} | {cell(each.second)}"
