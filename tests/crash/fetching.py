"""Files that are fetched from where others have them: stages that are killed while that is looked at, while files come,
and while a run takes them in."""

from __future__ import annotations

import hashlib
import os

from tests.crash.site import Site
from tests.crash.stage import RUN, Stage

MISSION = """
[product.raw]
level = 0
directory = "raw/{Y}"
format = "raw_{Y}{m}{d}.txt"

[product.clean]
level = 1
directory = "clean"
format = "clean_{Y}{m}{d}_v{VERSION}.txt"

[process.to_clean]
output = "clean"
timebase = "DAILY"
inputs = ["raw"]
code = { file = "clean.sh", version = "1.0.0" }

[source.instrument]
url = "file://ORIGIN"
path = "/{Y}/*.txt"
digests = "SHA256SUMS"
back = "30 days"
every = "1 s"
connections = 1
reserve = 0
"""
CLEAN = """#!/bin/sh
read -r text < "$1" || [ -n "$text" ] || exit 9
printf 'clean(%s)' "$text" > "$2"
"""
FETCH = ("dbproc", "fetch")


def first_look(site: Site) -> None:
    """Others have files of two years; one of them is of no product."""
    site.code("clean.sh", CLEAN)
    site.create(MISSION.replace("ORIGIN", str(site.outside)), same_name="replace")
    _put(site, "2020", "raw_20200101.txt", "raw_20200102.txt")
    _put(site, "2099", "raw_20990101.txt", "notes.txt")


def second_look(site: Site) -> None:
    """A file has other bytes there, another has come; a name of theirs is in incoming, delivered by somebody."""
    _put(site, "2099", "raw_20990101.txt", "raw_20990102.txt", "raw_20990103.txt", content="better")
    site.deliver("raw_20990103.txt", content="raw_20990103.txt better")


def _put(site: Site, directory: str, *names: str, content: str = "raw") -> None:
    """Put files where others have them, with their digests beside them."""
    place = site.outside / directory
    place.mkdir(exist_ok=True)
    for name in names:
        (place / name).write_text(f"{name} {content}")
    for path in place.iterdir():
        os.utime(path, (1_600_000_000, 1_600_000_000 + len(path.read_bytes())))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in sorted(place.glob("*.txt"))]
    (place / "SHA256SUMS").write_text("\n".join(lines) + "\n")


STAGES = (
    Stage("fetch", first_look, "dbproc", ("fetch",), status=0, again=(FETCH, RUN, FETCH, RUN)),
    Stage("fetch-in-run", first_look, again=(FETCH, RUN, FETCH, RUN)),
    Stage(
        "fetch-changed",
        second_look,
        "dbproc",
        ("fetch",),
        status=0,
        after="fetch-in-run",
        again=(RUN, FETCH, RUN, FETCH, RUN),
    ),
)
