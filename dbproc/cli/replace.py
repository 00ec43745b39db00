"""``dbproc replace``: other bytes under the name of a file."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

import click

from dbproc.changes.replace import Replaced
from dbproc.cli.common import asking_options, cell, dry_run_option, mission_access, open_mission, print_json
from dbproc.cli.correcting import all_option, reason_option, say_descendants, say_releases
from dbproc.core.errors import UserError

_SYNTAX = "dbproc replace FILE with PATH --reason TEXT"


@click.command("replace")
@click.argument("file")
@click.argument("words", nargs=-1, required=True, metavar="with PATH")
@asking_options
@reason_option
@dry_run_option
@all_option
def replace_command(
    file: str, words: Sequence[str], mission: str, as_json: bool, reason: str, dry_run: bool, is_whole: bool
) -> int:
    """Give FILE the bytes of PATH, which stays where it is; its former bytes are kept by their digest.

    What was made from FILE is made anew by the next run; dbproc restore FILE undoes it.
    """
    from dbproc.changes.replace import replace_file

    path = _path_in(words)
    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        done = replace_file(store, file, path, reason, only_look=dry_run)
    say_replaced(done, as_json=as_json, is_whole=is_whole)
    return 0


def _path_in(words: Sequence[str]) -> str:
    """The path of ``with PATH``.

    Raises
    ------
    UserError
        Something else is said, or there is no such file.
    """
    if len(words) != 2 or words[0].lower() != "with":
        raise UserError(f"{shlex.join(words)} does not say what takes the place; write: {_SYNTAX}")
    if not os.path.isfile(words[1]):
        raise UserError(f"there is no file {words[1]}; name the file with the other bytes")
    return words[1]


def say_replaced(done: Replaced, *, as_json: bool, is_whole: bool) -> None:
    """Print what a replacement did, or would do."""
    if as_json:
        print_json(done)
        return
    if done.digest == done.former:
        click.echo(f"{cell(done.file)} has these bytes already; it stays as it is")
        return
    verb = "has" if done.is_done else "would have"
    click.echo(f"{cell(done.file)} {verb} other bytes: {done.digest}")
    are = "are" if done.is_done else "would be"
    if done.kept is not None:
        click.echo(f"its former bytes {are} kept: {cell(done.kept)}")
    else:
        click.echo("its former bytes were lost before")
    if done.aside is not None:
        click.echo(f"what somebody had put in their place {'is' if done.is_done else are} kept: {cell(done.aside)}")
    say_releases(done.releases)
    say_descendants(done.descendants, is_whole=is_whole)
    if done.is_done:
        click.echo(f"undo it with: dbproc restore {cell(done.file)}")
