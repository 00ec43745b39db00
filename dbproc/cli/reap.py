"""``dbproc reap``: superseded versions to the trash."""

from __future__ import annotations

import os

import click

from dbproc.cli.common import asking_options, cell, dry_run_option, mission_access, open_mission, print_json
from dbproc.cli.correcting import all_option, shown_of
from dbproc.core.text import size_words


@click.command("reap")
@click.option("--archive", type=click.Path(), metavar="DIR", help="Move what is in the trash to DIR; delete nothing.")
@asking_options
@dry_run_option
@all_option
def reap_command(archive: str | None, mission: str, as_json: bool, dry_run: bool, is_whole: bool) -> int:
    """Move superseded versions to the trash, of products that say how many they keep, and delete what has been there
    for longer than the mission's trash says. dbproc restore FILE brings one back until then.

    Only what could be made again goes: no delivered file, none whose inputs are gone, none of a release, no input of a
    file in its place. With --archive everything in the trash goes to that directory, which may be on another disk:
    below it as it was below the root, compared with its digest. The catalogue keeps its row and its lineage.
    """
    from dbproc.changes.reap import reap

    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        place = None if archive is None else os.path.abspath(archive)
        done = reap(store, archive=place, only_look=dry_run)
    if as_json:
        print_json(done)
        return 0
    would = "would be " if dry_run else ""
    for each in shown_of(done.files, is_whole=is_whole):
        click.echo(f"{would}reaped: {cell(each.file)}, {size_words(each.size)}")
    for name in shown_of(done.deleted, is_whole=is_whole):
        click.echo(f"{would}deleted from the trash: {cell(name)}")
    for path in shown_of(done.archived, is_whole=is_whole):
        click.echo(f"{would}archived: {cell(path)}")
    for kept in shown_of(done.kept, is_whole=is_whole):
        click.echo(f"kept: {cell(kept.file)}: {kept.why}")
    size = size_words(sum(each.size or 0 for each in done.files))
    more = f", {len(done.kept)} kept" if done.kept else ""
    gone = f"{len(done.deleted)} {would}deleted" if archive is None else f"{len(done.archived)} {would}archived"
    click.echo(f"{len(done.files)} versions of {size} {would}reaped, {gone}{more}")
    if done.files and not dry_run and archive is None:
        click.echo(f"until {cell(done.restorable_until)} they come back with: dbproc restore FILE")
    return 0
