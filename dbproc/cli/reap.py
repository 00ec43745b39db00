"""``dbproc reap``: superseded versions to the trash."""

from __future__ import annotations

import click

from dbproc.cli.common import asking_options, cell, dry_run_option, mission_access, open_mission, print_json
from dbproc.cli.correcting import all_option, shown_of
from dbproc.core.text import size_words


@click.command("reap")
@asking_options
@dry_run_option
@all_option
def reap_command(mission: str, as_json: bool, dry_run: bool, is_whole: bool) -> int:
    """Move superseded versions to the trash, of products that say how many they keep, and delete what has been there
    for longer than the mission's trash says. dbproc restore FILE brings one back until then.

    Only what could be made again goes: no delivered file, none whose inputs are gone, none of a release, no input of a
    file in its place.
    """
    from dbproc.changes.reap import reap

    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        done = reap(store, only_look=dry_run)
    if as_json:
        print_json(done)
        return 0
    would = "would be " if dry_run else ""
    for each in shown_of(done.files, is_whole=is_whole):
        click.echo(f"{would}reaped: {cell(each.file)}, {size_words(each.size)}")
    for name in shown_of(done.deleted, is_whole=is_whole):
        click.echo(f"{would}deleted from the trash: {cell(name)}")
    for kept in shown_of(done.kept, is_whole=is_whole):
        click.echo(f"kept: {cell(kept.file)}: {kept.why}")
    size = size_words(sum(each.size or 0 for each in done.files))
    more = f", {len(done.kept)} kept" if done.kept else ""
    click.echo(f"{len(done.files)} versions of {size} {would}reaped, {len(done.deleted)} {would}deleted{more}")
    if done.files and not dry_run:
        click.echo(f"until {cell(done.restorable_until)} they come back with: dbproc restore FILE")
    return 0
