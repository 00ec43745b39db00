"""Compare a file of a sample with the published one: bytes, contents, and a picture of both."""

from __future__ import annotations

import os
import subprocess

from dbproc.core.model import Comparison, Definition, NewFile, Planned
from dbproc.core.states import SampleVerdict
from dbproc.database.canaries import SampleReport
from dbproc.engines import confined
from dbproc.products.comparison import MEMORY_LIMIT, compare, kind_of
from dbproc.storage.layout import file_path

TIME_LIMIT = 300.0
"""Seconds that a picture may take."""

_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF8", b"BM")


def compared(
    definition: Definition, planned: Planned, file: NewFile, path: str, picture: str
) -> tuple[SampleVerdict, SampleReport]:
    """The verdict on a new file at `path`, and the report.

    Returns
    -------
    verdict : SampleVerdict
        ``new`` where no version is published, ``same`` in bytes or in contents, else ``differs``.
    report : SampleReport
        The method of comparison, and the differences.
    """
    published = planned.replaces
    old = None if published is None else file_path(definition, published)
    if old is None or not os.path.exists(old):
        why = "nothing is published for it" if published is None else f"{old} is gone from disk"
        return SampleVerdict.NEW, SampleReport(sizes=(None, file.size or 0), differences=(), problem=why)
    product, sizes = definition.products[planned.product_id], (os.path.getsize(old), file.size or 0)
    found, how, drawn = compare(Comparison.BYTES, old, path, companion=product.companion), Comparison.BYTES, {}
    if not found["same"]:
        kind = kind_of(path) if product.comparison is Comparison.BYTES else product.comparison
        if kind is not Comparison.BYTES:
            found, how = compare(kind, old, path, companion=product.companion), kind
        drawn = _picture(old, path, picture)
    report = SampleReport(
        sizes=sizes,
        how=how.value,
        picture=drawn.get("picture"),
        no_picture=drawn.get("no_picture"),
        differences=found["differences"],
        problem=found.get("problem") or None,
        more=found.get("more") or None,
    )
    return (SampleVerdict.SAME if found["same"] else SampleVerdict.DIFFERS), report


def _picture(old: str, new: str, picture: str) -> dict[str, str]:
    """Draw old, new and difference side by side, if they can be drawn: the picture, or the reason for none."""
    if not _can_be_seen(new):
        return {}
    command = confined.command("dbproc.codes.contact_sheet", [old, new, picture], MEMORY_LIMIT)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT,
            check=False,
            env=confined.environment(),
        )
    except subprocess.TimeoutExpired:
        return {"no_picture": f"drawing it took longer than {TIME_LIMIT:g} s"}
    if done.returncode == 0 and os.path.exists(picture):
        return {"picture": os.path.basename(picture)}
    last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    return {"no_picture": last[0][:300]}


def _can_be_seen(path: str) -> bool:
    if path.endswith(".idx"):
        return True
    with open(path, "rb") as stream:
        return stream.read(4).startswith(_IMAGES)
