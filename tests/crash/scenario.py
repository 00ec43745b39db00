"""A small mission with one of everything, and the stages of its life that are killed.

raw (delivered) → clean → smooth (with the days around) → week → report (RUN); raw → bad, whose code fails;
scan (delivered with a companion directory) → cube (made with one, by FILE). The codes are shell scripts whose output
says how it was made, so that a difference in bytes is a difference in history.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.crash import corrections, fetching, keeping, neighbours, staging
from tests.crash.site import Site
from tests.crash.stage import RUN, Stage

MISSION = """
[product.raw]
level = 0
directory = "data/raw/{Y}"
format = "raw_{Y}{m}{d}_v{VERSION}.txt"

[product.scan]
level = 0
directory = "data/scan"
companion = true
format = "scan_{Y}{m}{d}_{SITE}_v{VERSION}.dat"

[product.clean]
level = 1
directory = "data/clean/{Y}"
format = "clean_{Y}{m}{d}_v{VERSION}.txt"

[product.bad]
level = 1
directory = "data/bad"
format = "bad_{Y}{m}{d}_v{VERSION}.txt"

[product.cube]
level = 1
directory = "data/cube/{SITE}"
companion = true
format = "cube_{Y}{m}{d}_{SITE}_v{VERSION}.dat"

[product.smooth]
level = 2
directory = "data/smooth"
format = "smooth_{Y}{m}{d}_v{VERSION}.txt"

[product.week]
level = 3
directory = "data/week"
format = "week_{Y}{m}{d}_v{VERSION}.txt"

[process.to_clean]
output = "clean"
timebase = "DAILY"
inputs = ["raw"]
code = { file = "clean.sh", version = "CLEAN_VERSION" }

[process.to_bad]
output = "bad"
timebase = "DAILY"
inputs = ["raw"]
code = { file = "bad.sh", version = "1.0.0", to = 2020-01-06 }

[process.to_cube]
output = "cube"
timebase = "FILE"
inputs = ["scan"]
code = { file = "cube.sh", version = "1.0.0" }

[process.to_smooth]
output = "smooth"
timebase = "DAILY"
inputs = [{ product = "clean", yesterday = 1, tomorrow = 1 }]
code = { file = "smooth.sh", version = "1.0.0" }

[process.to_week]
output = "week"
timebase = "WEEKLY"
inputs = ["smooth", { product = "cube", optional = true }]
code = { file = "week.sh", version = "1.0.0" }

[process.report]
timebase = "RUN"
inputs = ["week"]
code = { file = "report.sh", version = "1.0.0", arguments = ["{ROOTDIR}/reported"] }
"""

READ = """#!/bin/sh
read_all() { [ -r "$1" ] || exit 9; IFS= read -r text < "$1" || [ -n "$text" ]; }  # one line; cat would be a process
"""
JOIN = f"""{READ}
printf '%s' NAME > made
while [ $# -gt 1 ]; do read_all "$1"; printf '(%s)' "$text" >> made; shift; done
mv made "$1"
"""
CUBE = f"""{READ}
mkdir -p "${{2%.dat}}/sub"
read_all "$1"; printf 'cube(%s)' "$text" > "$2"
for member in "${{1%.dat}}"/*; do
    read_all "$member"; printf 'block(%s)' "$text" > "${{2%.dat}}/sub/${{member##*/}}"
done
printf header > "${{2%.dat}}/0.bin"
"""
BAD = """#!/bin/sh
echo "cannot be done"
exit 3
"""
REPORT = f"""{READ}
[ -d "$1" ] || mkdir -p "$1"
read_all "$2"; printf 'report(%s)' "$text" > "$1/${{2##*/}}"
"""
CODES = {
    "clean.sh": JOIN,
    "smooth.sh": JOIN,
    "week.sh": JOIN,
    "cube.sh": CUBE,
    "bad.sh": BAD,
    "report.sh": REPORT,
}


def define(site: Site) -> None:
    """Create the database and define the mission."""
    for name, text in CODES.items():
        site.code(name, text)
    site.create(definition("1.0.0"))


def first_delivery(site: Site) -> None:
    """Three days of raw data, two scans with companion directories, what nobody knows, and a link to nothing."""
    define(site)
    for day in (1, 2, 3):
        site.deliver(f"raw_2020010{day}_v1.0.0.txt")
    deliver_scan(site, "scan_20200101_north_v1.0.0")
    deliver_scan(site, "scan_20200101_south_v1.0.0")
    site.deliver("unknown.xyz")
    (site.incoming / "dangling_link.txt").symlink_to("/nowhere/dangling_link.txt")


def release(site: Site) -> None:
    """A code has a new version in the mission file, another one was edited without one."""
    site.code("clean.sh", JOIN.replace("NAME", "cleaner"))
    site.code("week.sh", JOIN.replace("NAME", "edited week"))
    site.write(definition("1.1.0"))


def second_delivery(site: Site) -> None:
    """A new version, a new day, duplicates, a name with other bytes, a link home, a file that had been lost."""
    site.deliver("raw_20200102_v1.0.1.txt", content="raw 2, better")
    site.deliver("raw_20200107_v1.0.0.txt")
    site.deliver("raw_20200101_v1.0.0.txt")
    site.deliver("raw_20200103_v1.0.0.txt", content="other bytes")
    site.deliver("RAW_of_nobody.txt")
    deliver_scan(site, "scan_20200101_north_v1.0.0")
    deliver_scan(site, "scan_20200102_north_v1.0.0")
    lost = site.root / "data/scan/scan_20200101_south_v1.0.0"
    shutil.rmtree(lost)
    lost.with_name(f"{lost.name}.dat").unlink()
    deliver_scan(site, "scan_20200101_south_v1.0.0")
    home = site.root / "data/raw/2020/raw_20200108_v1.0.0.txt"
    home.write_text("raw 8, by a link")
    (site.incoming / home.name).symlink_to(home)
    (site.incoming / "folder").mkdir()
    (site.incoming / "folder" / "inside.txt").write_text("inside")


RENAMED = (
    (
        'directory = "data/raw/{Y}"\nformat = "raw_{Y}{m}{d}_v{VERSION}.txt"',
        'directory = "raw"\nformat = "r{Y}{j}_v{VERSION}"',
    ),
    ("[product.scan]", '[product.swath]\nrenamed_from = "scan"'),
    ('directory = "data/scan"', 'directory = "data/swath/{SITE}"'),
    ('format = "scan_{Y}', 'format = "swath_{Y}'),
    ('"scan"]', '"swath"]'),
    ('directory = "data/week"', 'directory = "data/smooth"'),
)
"""What another mission file says otherwise."""


def renames(site: Site) -> None:
    """Products with other names, directories and formats, and a file of somebody else's beside what is moved."""
    (site.root / "data" / "scan" / "notes").mkdir()
    (site.root / "data" / "scan" / "notes" / "1.bin").write_text("somebody else's")
    text = definition("1.1.0")
    for old, new in RENAMED:
        assert old in text
        text = text.replace(old, new)
    site.write(text)


STAGES = {
    stage.name: stage
    for stage in (
        Stage("first", first_delivery),
        Stage("release", release, "dbproc", ("apply", "mission.toml"), status=0, after="first"),
        Stage("second", second_delivery, after="release"),
        Stage("rename", renames, "dbproc", ("apply", "mission.toml"), status=0, after="second"),
        Stage(
            "rename-and-run",
            renames,
            "dbproc",
            ("apply", "mission.toml"),
            status=0,
            after="second",
            again=(RUN, ("dbproc", "apply", "mission.toml"), RUN, RUN),
        ),
        Stage("far", first_delivery, arguments=("-i",), far=True),
        Stage("far-again", second_delivery, arguments=("-i",), after="far", far=True),
        *neighbours.STAGES,
        *corrections.STAGES,
        *staging.STAGES,
        *fetching.STAGES,
        *keeping.STAGES,
    )
}
"""The stages in their order."""


def definition(clean_version: str) -> str:
    return MISSION.replace("CLEAN_VERSION", clean_version)


def deliver_scan(site: Site, stem: str) -> None:
    """Put a file with its companion directory into incoming."""
    companion: Path = site.incoming / stem
    os.makedirs(companion)
    for number in (1, 2):
        (companion / f"{number}.bin").write_text(f"block {number} of {stem}")
    site.deliver(f"{stem}.dat")
