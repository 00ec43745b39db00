"""How files are selected on the command line: the options that ``files`` and all that corrects files share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import click

from dbproc.cli.common import choice_of, slot_options, together
from dbproc.cli.completers import complete_files, complete_products, complete_releases
from dbproc.cli.numbers import NUMBER
from dbproc.core.errors import UserError
from dbproc.core.model import Period
from dbproc.core.states import EXISTING, Quality, Standing
from dbproc.database.files import FileRow
from dbproc.database.selection import Selection


class _Digest(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A digest with the name of its algorithm, or the beginning of one."""

    name = "digest"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Text → digest."""
        text = str(value).strip().lower()
        if not re.fullmatch("(sha256|blake3):[0-9a-f]{4,64}", text):
            self.fail(f"{value!r} is no digest; write sha256:… or blake3:… with at least four digits", param, ctx)
        return text


products_argument = click.argument("named", shell_complete=complete_products, nargs=-1, metavar="[PRODUCT]...")
"""Products as the arguments of a command that is about these; it takes :data:`product_option` as all others do."""

_DIGITS = 12

files_argument = click.argument("names", shell_complete=complete_files, nargs=-1, metavar="[FILE]...")
product_option = click.option(
    *("--product", "products"),
    multiple=True,
    metavar="PRODUCT",
    shell_complete=complete_products,
    help="Files of this product.",
)
QUALITY = click.Choice([each.value for each in Quality])
_place_options = together(
    click.option("--newest", is_flag=True, help="Only the newest version of each date and key."),
    click.option("--missing", is_flag=True, help="Files that are gone from disk."),
    click.option("--withdrawn", is_flag=True, help="Files that are withdrawn, also with an input."),
    click.option("--former", is_flag=True, help="Files that were replaced or reaped."),
    click.option("--offloaded", is_flag=True, help="Files whose bytes are in stores alone."),
)
_fact_options = together(
    click.option("--digest", type=_Digest(), help="Files of these bytes, former ones as well."),
    click.option("--text", default="", metavar="TEXT", help="In the name, the directory or a caveat."),
    click.option("--run", type=NUMBER, metavar="N", help="What this run took in or made; runs: dbproc log."),
    click.option(
        "--release",
        default="",
        metavar="NAME",
        shell_complete=complete_releases,
        help="What this release of data holds; releases: dbproc release list.",
    ),
)
_quality_option = click.option("--quality", "qualities", type=QUALITY, multiple=True, help="Files that are so marked.")
unmarked_file_options = together(slot_options, _place_options, _fact_options)
"""What tells files from others, besides their names, products and marks."""

file_options = together(unmarked_file_options, _quality_option)
"""The same, and how they are marked."""

placed_file_options = together(slot_options, _fact_options, _quality_option)
"""The same of files that are in their places."""


def selection_of(
    names: Sequence[str] = (),
    products: Sequence[str] = (),
    *,
    start: Period | None,
    end: Period | None,
    keys: Sequence[str],
    newest: bool,
    missing: bool = False,
    withdrawn: bool = False,
    former: bool = False,
    offloaded: bool = False,
    digest: str | None,
    text: str,
    run: int | None,
    release: str,
    qualities: Sequence[str] = (),
    standings: frozenset[Standing] = EXISTING,
) -> Selection:
    """The files that arguments and :data:`file_options` mean: those of some `standings`, if nothing else is said.

    Raises
    ------
    UserError
        The options contradict each other.
    """
    out = frozenset(_out_of_place(missing=missing, withdrawn=withdrawn, former=former))
    out |= {Standing.OFFLOADED} if offloaded else frozenset()
    if newest and out - EXISTING:
        raise UserError("the newest files are in their places; leave out --newest, or --missing, --withdrawn, --former")
    anywhere = names or digest
    return Selection(
        names=tuple(names),
        products=tuple(products),
        slots=choice_of(start, end, keys),
        newest=newest,
        standings=out or (frozenset() if anywhere else standings),
        qualities=frozenset(map(Quality, qualities)),
        digest=digest or "",
        text=text,
        run=run,
        release=release,
    )


def _out_of_place(*, missing: bool, withdrawn: bool, former: bool) -> Iterator[Standing]:
    if missing:
        yield Standing.LOST
    if withdrawn:
        yield from (Standing.WITHDRAWN, Standing.FOLLOWING)
    if former:
        yield from (Standing.REPLACED, Standing.REAPED)


def note_of(row: FileRow) -> str:
    """What is to be known of a file besides: how it stands, how it is marked, its caveats."""
    stands = "" if row.standing is Standing.IN_PLACE else str(row.standing)
    bytes_then = short_digest(row.digest) if row.standing is Standing.REPLACED else ""
    return ", ".join(filter(None, (stands, bytes_then, mark_of(row))))


def short_digest(digest: str) -> str:
    """The beginning of a digest; ``--digest`` takes it."""
    return digest[: digest.index(":") + 1 + _DIGITS]


def mark_of(row: FileRow) -> str:
    """How a file is marked, and its caveats."""
    quality = "" if row.quality is Quality.UNKNOWN else str(row.quality)
    return ": ".join(filter(None, (quality, row.caveats)))
