"""``dbproc release tag | list | files | diff``: releases of data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from dbproc.cli.common import (
    all_option,
    asking_options,
    cell,
    dry_run_option,
    mission_access,
    open_mission,
    print_columns,
    print_json,
    print_some,
    show_rows,
    warn,
)
from dbproc.cli.completers import complete_releases
from dbproc.cli.groups import Group
from dbproc.cli.listing import list_json, list_lines
from dbproc.cli.mission_name import before_option
from dbproc.cli.selection import placed_file_options, product_option, products_argument
from dbproc.cli.writing import write_file
from dbproc.core.data_releases import Change, Difference
from dbproc.core.model import Period
from dbproc.core.slot_text import period_words
from dbproc.core.text import size_words
from dbproc.database.selection import selection_of

_HEAD = ("file", "time", "version", "size", "since")
release_argument = click.argument("name", shell_complete=complete_releases)


@click.group("release", cls=Group)
@before_option
def release_command() -> None:
    """Release data: name the files of the catalogue, as they are now, under a name that never changes, with a manifest.

    The release of a new version of a code is another thing: dbproc code release.
    """


@release_command.command("tag")
@click.argument("name")
@products_argument
@product_option
@placed_file_options
@click.option("--every-version", is_flag=True, help="Also the versions that are not the newest.")
@click.option("--doubtful", is_flag=True, help="Also files that are marked ignore or problem.")
@click.option("--comment", default="", metavar="TEXT", help="What is to be known of the release.")
@dry_run_option
@asking_options
def tag_command(
    name: str,
    named: Sequence[str],
    products: Sequence[str],
    every_version: bool,
    doubtful: bool,
    comment: str,
    dry_run: bool,
    mission: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Make the release NAME of the newest files of PRODUCTS, or of all, or of those that the options name.

    Every file must be there with the bytes that were recorded, and none may be marked ignore or problem. Its bytes are
    kept from then on: it is never reaped, and when it is withdrawn or replaced, they stay. The manifest, with every
    digest, is below .dbproc/releases.

    For example: dbproc release tag 2024a clean smooth --end 2024-06-30 --comment "first half"
    """
    from dbproc.changes.data_release import tag

    selection = selection_of(products=(*named, *products), newest=not every_version, **given)
    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        done = tag(store, name, selection, comment, doubtful=doubtful, only_look=dry_run)
    if as_json:
        print_json(done)
        return
    if done.queued:
        warn(f"{done.queued:,} files are queued: the next run may make newer ones; to see which: dbproc plan")
    files = f"{done.files:,} file{'' if done.files == 1 else 's'}, {size_words(done.size)}"
    if dry_run:
        click.echo(f"would release {files} as {name}")
        return
    click.echo(f"released {files} as {name}")
    click.echo(f"manifest: {cell(done.manifest)}")
    click.echo(f"{cell(done.digest)}")


@release_command.command("list")
@asking_options
def list_command(mission: str, as_json: bool) -> None:
    """List the releases of data: when and by whom they were made, how much they hold."""
    from dbproc.database.data_releases import releases

    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        rows = releases(connection)
    show_rows(
        rows,
        as_json,
        ("release", "made", "by", "files", "size", "comment"),
        cells=lambda row: (row.name, row.time, row.user, f"{row.files:,}", size_words(row.size), row.comment),
        empty="no data was released yet; to do so: dbproc release tag NAME",
    )


@release_command.command("files")
@release_argument
@click.option("--paths", is_flag=True, help="Only the paths, one a line: where the bytes are by now.")
@click.option("--manifest", "target", metavar="FILE", help="Write the manifest to this file; - is standard output.")
@asking_options
def files_command(name: str, paths: bool, target: str | None, mission: str, as_json: bool) -> None:
    """List the files of the release NAME, and what happened to them since: those that were withdrawn or replaced, when
    and why, are still there.
    """
    from dbproc.explain.data_releases import released_files
    from dbproc.run.manifests import manifest_of

    if paths + as_json + (target is not None) > 1:
        raise click.UsageError("give one of --paths, --manifest and --json")
    with open_mission(mission, read_only=True) as store:
        if target is not None:
            write_file(target, manifest_of(store, name).encode(), is_new=True)
            return
        rows = released_files(store, name)
        if as_json:
            list_json(rows)
            return
        gone = 0

        def seen() -> Iterator[Any]:
            nonlocal gone
            for row in rows:
                gone += row.path is None
                yield row

        if paths:
            list_lines(row.path for row in seen() if row.path)
        else:
            print_columns(_HEAD, map(_cells, seen()))
    warn(f"the bytes of {gone:,} of these are gone: dbproc check" if gone else None)


def _cells(row: Any) -> Sequence[object]:
    time = period_words(Period(row.start, row.stop))
    return (row.filename, time, row.version, size_words(row.size), row.since)


_SIGNS = {Change.ADDED: "+", Change.REMOVED: "-", Change.VERSION: ">", Change.BYTES: "!"}


@release_command.command("diff")
@click.argument("old", shell_complete=complete_releases)
@click.argument("new", shell_complete=complete_releases, required=False)
@all_option
@asking_options
def diff_command(old: str, new: str | None, everything: bool, mission: str, as_json: bool) -> None:
    """Show what the release NEW holds and OLD does not, what it holds no more, and what in another version or with
    other bytes, product by product. Without NEW: how the newest files of OLD's products differ from it by now.
    """
    from dbproc.explain.data_releases import compare

    with open_mission(mission, read_only=True) as store:
        found = compare(store, old, new)
    if as_json:
        print_json(found)
        return
    head = ("product", "added", "removed", "other version", "other bytes", "same")
    print_columns(
        head,
        ((p.product, p.added, p.removed, p.other_version, p.other_bytes, p.same) for p in found.products),
    )
    if found.files:
        click.echo()
        print_some([_line(each) for each in found.files], everything=everything)


def _line(each: Difference) -> str:
    names = [name for name in (each.old, each.new) if name is not None]
    shown = names[0] if len(set(names)) == 1 else " → ".join(names)
    return f"{_SIGNS[each.change]} {shown}{': other bytes' if each.change is Change.BYTES else ''}"
