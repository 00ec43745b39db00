"""A small mission among strangers, and what else happens to missions: more stages that are killed.

Beside every place of a product is something of somebody else: a directory of another product that has the stem of a
file, a directory that nobody knows, a file where an output belongs. Codes move their inputs, leave directories that
nobody may write to; the database is copied.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.crash.picture import picture
from tests.crash.site import Site
from tests.crash.stage import RUN, Stage

CROWDED = """
[product.raw]
level = 0
directory = "data/{Y}"
format = "raw_{Y}{m}{d}.txt"

[product.total]
level = 1
directory = "data"
format = "{Y}.txt"

[product.index]
level = 1
directory = "index"
format = "index_{Y}.txt"

[product.table]
level = 0
directory = "stations"
format = "{station}_{Y}.csv"

[product.reading]
level = 0
directory = "stations/{station}_{Y}"
format = "{station}_{Y}{m}{d}.dat"

[product.volume]
level = 0
directory = "volumes"
format = "volume_{Y}{m}{d}_v{VERSION}.idx"
companion = true

[product.cube]
level = 1
directory = "cubes"
format = "cube_{Y}{m}{d}_v{VERSION}.idx"
companion = true

[product.mean]
level = 1
directory = "means"
format = "mean_{Y}{m}{d}_v{VERSION}.txt"

[process.yearly]
output = ["total", "index"]
timebase = "YEARLY"
inputs = ["raw"]
code = { file = "two.sh", version = "1.0.0" }

[process.to_cube]
output = "cube"
timebase = "DAILY"
inputs = ["volume"]
code = { file = "cube.sh", version = "1.0.0" }

[process.to_mean]
output = "mean"
timebase = "DAILY"
inputs = ["raw"]
code = { file = "mean.sh", version = "1.0.0" }
"""

TWO = """#!/bin/bash
set -e
total="${@:$#-1:1}"; index="${@:$#:1}"
cat "${@:1:$#-2}" > "$total"
printf 'index of %s' "$(($# - 2))" > "$index"
"""
CUBE = """#!/bin/sh
mkdir -p "${2%.idx}/sub"
printf 'cube(%s)' "$(cat "$1")" > "$2"
printf 'block(%s)' "$(cat "${1%.idx}/0.bin")" > "${2%.idx}/sub/0.bin"
printf 'block(%s)' "$(cat "${1%.idx}/sub/1.bin")" > "${2%.idx}/1.bin"
"""
MEAN = """#!/bin/sh
printf 'NAME(%s)' "$(cat "$1")" > "$2"
"""


def crowd(site: Site) -> None:
    """Somebody else's things are everywhere; files arrive for the first time."""
    site.code("two.sh", TWO)
    site.code("cube.sh", CUBE)
    site.code("mean.sh", MEAN)
    site.create(CROWDED)
    for place in (
        "root/data/2024/notes.txt",
        "root/data/2025/theirs.txt",
        "root/index/index_2024.txt",  # in the way of the second output
        "root/index/index_2024/theirs.txt",
        "root/stations/BOL_2024/theirs.txt",
        "root/volumes/volume_20240103_v1.0.0/theirs.bin",  # where a companion belongs
        "root/cubes/cube_20240102_v1.0.0/theirs.bin",  # where a companion of an output belongs
        "root/means/mean_20240101_v1.0.0/theirs.txt",
        "incoming/raw_20240101/theirs.txt",  # beside a file that has no companion
        "incoming/BOL_2024/theirs.txt",
        "incoming/lost+found/theirs.txt",
    ):
        _stranger(site, place)
    for day in (1, 2, 3):
        site.deliver(f"raw_2024010{day}.txt")
        deliver_volume(site, f"volume_2024010{day}_v1.0.0")
    for name in ("BOL_2024.csv", "BOL_20240101.dat", "BOL_20240102.dat"):
        site.deliver(name)


def crowd_again(site: Site) -> None:
    """What was in the way is put elsewhere; the same names are delivered again, some of them with other bytes."""
    away = site.root / "away"
    away.mkdir()
    shutil.move(site.root / "index/index_2024.txt", away / "index_2024.txt")
    shutil.move(site.root / "cubes/cube_20240102_v1.0.0", away / "cube_20240102_v1.0.0")
    site.command("dbproc", "retry", "-m", site.database)
    for name in ("raw_20240101.txt", "raw_20240104.txt", "BOL_2024.csv", "BOL_20240101.dat"):
        site.deliver(name)
    site.deliver("raw_20240102.txt", content="other bytes")
    for place in ("incoming/raw_20240101/again.txt", "root/data/2026/theirs.txt", "incoming/BOL_2024/again.txt"):
        _stranger(site, place)
    deliver_volume(site, "volume_20240101_v1.0.0")
    deliver_volume(site, "volume_20240102_v1.0.0", "other")


def tried_out(site: Site) -> None:
    """A candidate has its sample, and beside the names that it will have are strangers."""
    site.command(*RUN, "-m", site.database, status=None)
    site.code("mean2.sh", MEAN.replace("NAME", "better mean"))
    site.code("cube2.sh", CUBE.replace("cube(", "better cube("))
    for day in (1, 2, 3):
        _stranger(site, f"root/means/mean_2024010{day}_v1.1.0/theirs.txt")
    words = ("--version", "1.1.0", "--dates", "2024-01-01..2024-01-02", "-m", site.database)
    site.command("dbproc", "canary", "to_mean", "--file", "mean2.sh", *words)
    site.command("dbproc", "canary", "to_cube", "--file", "cube2.sh", *words)


def by_hand(site: Site) -> None:
    """The directory for the outputs is full of strangers, of the stems that they will have among them."""
    site.command(*RUN, "-m", site.database, status=None)
    for day in (1, 2, 3):
        _stranger(site, f"root/try/mean_2024010{day}_v1.0.1/theirs.txt")
    _stranger(site, "root/try/theirs.txt")


# --- codes that move their inputs ---

MOVING = """
[product.NAME]
level = 0
directory = "in/NAME"
format = "NAME_{Y}{m}{d}.idx"
companion = COMPANION

[product.out_NAME]
level = 1
directory = "out/NAME"
format = "out_NAME_{Y}{m}{d}_v{VERSION}.idx"
companion = COMPANION

[process.to_NAME]
output = "out_NAME"
timebase = "DAILY"
inputs = ["NAME"]
code = { file = "NAME.sh", version = "1.0.0" }
"""
MOVERS = {
    "onto": 'mv "$1" "$2"',
    "inside": 'mkdir -p deep/er; mv "$1" deep/er/kept; printf made > "$2"',
    "beside": 'mv "$1" .; exit 4',
    "both": 'mv "${1%.idx}" "${2%.idx}"; mv "$1" "$2"',
    "companion": 'mv "${1%.idx}" .; printf made > "$2"',
    "honest": 'printf "made(%s)" "$(cat "$1")" > "$2"',
}
"""What codes do with their inputs, by the name of the product that they take."""
WITH_COMPANIONS = {"both", "companion"}


def movers(site: Site) -> None:
    """Codes move what they were given: onto their output, and elsewhere in their directory."""
    blocks = []
    for name, text in MOVERS.items():
        site.code(f"{name}.sh", f"#!/bin/sh\n{text}\n")
        companion = str(name in WITH_COMPANIONS).lower()
        blocks.append(MOVING.replace("NAME", name).replace("COMPANION", companion))
    site.create("".join(blocks))
    for name in MOVERS:
        for day in (1, 2):
            stem = f"{name}_2024010{day}"
            if name in WITH_COMPANIONS:
                deliver_volume(site, stem)
            else:
                site.deliver(f"{stem}.idx")
                _stranger(site, f"root/in/{name}/{stem}/theirs.txt")
                _stranger(site, f"root/out/{name}/out_{stem}_v1.0.0/theirs.txt")


# --- what jobs leave behind ---

LEAVING = """
[product.raw]
level = 0
directory = "raw"
format = "raw_{Y}{m}{d}.txt"

[product.out]
level = 1
directory = "out"
format = "out_{Y}{m}{d}_v{VERSION}.txt"

[product.none]
level = 1
directory = "none"
format = "none_{Y}{m}{d}_v{VERSION}.txt"

[process.to_out]
output = "out"
timebase = "DAILY"
inputs = ["raw"]
code = { file = "leave.sh", version = "1.0.0" }

[process.to_none]
output = "none"
timebase = "DAILY"
inputs = ["raw"]
code = { file = "fail.sh", version = "1.0.0" }
"""
LEAVE = """#!/bin/sh
mkdir -p left/deep/er empty locked
printf 1 > left/file; printf 2 > left/deep/file; printf 3 > left/deep/er/file; printf 4 > locked/file
chmod 444 left/file; chmod 555 left/deep/er left/deep left empty; chmod 000 locked
"""


def leavers(site: Site) -> None:
    """Jobs leave directories in which nothing may be changed, or which may not be looked into."""
    site.code("leave.sh", f'{LEAVE}printf "made(%s)" "$(cat "$1")" > "$2"\n')
    site.code("fail.sh", f"{LEAVE}exit 3\n")
    site.create(LEAVING)
    for day in (1, 2, 3):
        site.deliver(f"raw_2024010{day}.txt")


# --- a database that was copied ---


def copied(site: Site) -> None:
    """The database is copied while nothing runs, and so is the whole folder; then files arrive."""
    site.copy_database()
    for day in (5, 6):
        site.deliver(f"raw_2020010{day}_v1.0.0.txt")
    _stranger(site, "root/data/raw/2020/unknown.txt")


COPY_IS_REFUSED = 78


def copy_is_refused(site: Site) -> Iterator[str]:
    """With the copy nobody may touch what belongs to the original."""
    before = picture(site)
    for program, *arguments in (RUN, ("dbproc", "check", "--repair")):
        end = site.perform(program, tuple(arguments), on_copy=True)
        if end.status != COPY_IS_REFUSED:
            yield f"a run with a copy of the database: {program} {arguments}: status {end.status}: {site.said()}"
    changed = picture(site).difference(before)
    if changed:
        yield "a run with a copy of the database changes the original's mission:"
        yield from (f"    {line}" for line in changed[:10])


def deliver_volume(site: Site, stem: str, what: str = "block") -> None:
    """Put a file with a companion directory of two levels into incoming."""
    companion: Path = site.incoming / stem
    os.makedirs(companion / "sub")
    (companion / "0.bin").write_text(f"first {what} of {stem}")
    (companion / "sub/1.bin").write_text(f"second {what} of {stem}")
    site.deliver(f"{stem}.idx")


def _stranger(site: Site, place: str) -> None:
    """A file of somebody else, with bytes that nothing else has."""
    where, _, name = place.partition("/")
    path = (site.root if where == "root" else site.incoming) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"somebody's {place}")


AGAIN = (RUN, RUN)

STAGES = (
    Stage("crowd", crowd),
    Stage("crowd-again", crowd_again, after="crowd"),
    Stage(
        "promotion",
        tried_out,
        "dbproc",
        ("canary", "promote", "1"),
        status=0,
        after="crowd-again",
        again=(RUN, ("dbproc", "canary", "promote", "1"), *AGAIN),
        accepted=(0, 1, 2),
    ),
    Stage(
        "companion-promotion",
        tried_out,
        "dbproc",
        ("canary", "promote", "2"),
        status=0,
        after="crowd-again",
        again=(RUN, ("dbproc", "canary", "promote", "2"), *AGAIN),
        accepted=(0, 1, 2),
    ),
    Stage(
        "by-hand",
        by_hand,
        "dbproc",
        ("run-process", "to_mean", "--start", "2024-01-01", "--end", "2024-01-04", "-n", "1", "--output", "try"),
        status=0,
        after="crowd-again",
    ),
    Stage("movers", movers, moves_inputs=True),
    Stage("leavers", leavers, is_obedient=True),
    Stage("copied", copied, after="first", meanwhile=copy_is_refused),
    Stage("the-copy", copied, after="first", on_copy=True, status=COPY_IS_REFUSED, again=AGAIN),
)
