"""How files are selected on the command line: the options that ``files`` and all that corrects files share."""

from __future__ import annotations

import click

from dbproc.cli.common import slot_options, together
from dbproc.cli.completers import complete_files, complete_products, complete_releases
from dbproc.cli.numbers import NUMBER
from dbproc.core.errors import UserError
from dbproc.core.states import Quality, Standing
from dbproc.database.files import FileRow
from dbproc.database.selection import read_digest


class _Digest(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A digest with the name of its algorithm, or the beginning of one."""

    name = "digest"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Text → digest."""
        try:
            return read_digest(str(value))
        except UserError as error:
            self.fail(str(error), param, ctx)


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
