"""A mission whose files are corrected by a person: more stages that are killed.

What is withdrawn has a companion directory, descendants and a predecessor; beside what is moved lie strangers.
"""

from __future__ import annotations

import os

from tests.crash.neighbours import deliver_volume
from tests.crash.site import Site
from tests.crash.stage import RUN, Command, Stage

MISSION = """
[product.raw]
level = 0
directory = "raw/{Y}"
format = "raw_{Y}{m}{d}_v{VERSION}.txt"
RAW_KEYS

[product.volume]
level = 0
directory = "volumes"
format = "volume_{Y}{m}{d}.idx"
companion = true

[product.clean]
level = 1
directory = "clean"
format = "clean_{Y}{m}{d}_v{VERSION}.txt"
CLEAN_KEYS

[product.day]
level = 1
directory = "day"
format = "day_{Y}{m}{d}.txt"

[product.cube]
level = 1
directory = "cubes"
format = "cube_{Y}{m}{d}_v{VERSION}.idx"
companion = true

[product.smooth]
level = 2
directory = "smooth"
format = "smooth_{Y}{m}{d}_v{VERSION}.txt"

[process.to_clean]
output = "clean"
timebase = "DAILY"
inputs = ["raw"]
code = { file = "clean.sh", version = "1.0.0" }

[process.to_day]
output = "day"
timebase = "DAILY"
inputs = ["raw"]
code = { file = "day.sh", version = "1.0.0" }

[process.to_cube]
output = "cube"
timebase = "DAILY"
inputs = ["volume"]
code = { file = "cube.sh", version = "1.0.0" }

[process.to_smooth]
output = "smooth"
timebase = "DAILY"
inputs = [{ product = "clean", yesterday = 1, tomorrow = 1 }, { product = "cube", optional = true }]
code = { file = "smooth.sh", version = "1.0.0" }
"""
JOIN = """#!/bin/sh
read_all() { [ -r "$1" ] || exit 9; IFS= read -r text < "$1" || [ -n "$text" ]; }  # one line; cat would be a process
printf '%s' NAME > made
while [ $# -gt 1 ]; do read_all "$1"; printf '(%s)' "$text" >> made; shift; done
mv made "$1"
"""
CUBE = """#!/bin/sh
mkdir -p "${2%.idx}/sub"
printf 'cube(%s)' "$(cat "$1")" > "$2"
printf 'block(%s)' "$(cat "${1%.idx}/0.bin")" > "${2%.idx}/sub/0.bin"
"""
OLD, BAD, OTHER = "raw_20240102_v1.0.0.txt", "raw_20240102_v1.0.1.txt", "raw_20240101_v1.0.0.txt"
VOLUME = "volume_20240102.idx"


def defined(site: Site, raw: str = "", clean: str = "") -> None:
    site.write(MISSION.replace("RAW_KEYS", raw).replace("CLEAN_KEYS", clean))


def worked(site: Site) -> None:
    """Three days have run, one of them twice; strangers lie about."""
    for name in ("clean", "day", "smooth"):
        site.code(f"{name}.sh", JOIN.replace("NAME", name))
    site.code("cube.sh", CUBE)
    site.create(MISSION.replace("RAW_KEYS", "").replace("CLEAN_KEYS", ""))
    for name in ("raw_20240101_v1.0.0.txt", OLD, "raw_20240103_v1.0.0.txt"):
        site.deliver(name)
    for day in (1, 2):
        deliver_volume(site, f"volume_2024010{day}")
    site.command(*RUN, "-m", site.database)
    site.deliver(BAD, content="bad")
    site.command("dbproc", "withdraw", "day_20240102.txt", "--reason", "of both", "-m", site.database)
    site.command(*RUN, "-m", site.database)
    for place in ("raw/2024/raw_20240102_v1.0.1/theirs.txt", "clean/theirs.txt", "day/day_20240102/theirs.txt"):
        path = site.root / place
        os.makedirs(path.parent, exist_ok=True)
        path.write_text(f"somebody's {place}")
    (site.root / "corrected").write_text("corrected")


def nothing_more(_: Site) -> None:
    """It goes on from where the stage before has ended."""


def other_bytes_delivered(site: Site) -> None:
    """Other bytes under the name of a file are in quarantine."""
    site.deliver(OTHER, content="other bytes")
    site.command(*RUN, "-m", site.database, status=1)


def longer_days(site: Site) -> None:
    """What the product says of its files was corrected."""
    defined(site, raw='covers = "6 h"')
    site.command("dbproc", "apply", "mission.toml", "-m", site.database)


def fewer_versions(site: Site) -> None:
    """A product keeps the newest version alone."""
    defined(site, clean='keep = "newest"')
    site.command("dbproc", "apply", "mission.toml", "-m", site.database)
    site.command(*RUN, "-m", site.database, status=None)


def stage(name: str, before: object, *words: str, after: str) -> Stage:
    """A command of dbproc that is killed, and is given again after a run; where it was done, it is refused."""
    command: Command = ("dbproc", *words)
    return Stage(
        name,
        before,  # type: ignore[arg-type]
        "dbproc",
        words,
        status=0,
        after=after,
        again=(RUN, command, RUN, RUN),
        accepted=(0, 1, 2),
    )


STAGES = (
    Stage("corrections", worked, status=0),
    stage("withdraw", nothing_more, "withdraw", BAD, VOLUME, "--reason", "bad", after="corrections"),
    stage("restore", nothing_more, "restore", BAD, VOLUME, after="withdraw"),
    stage("withdraw-all", nothing_more, "withdraw", BAD, "--whole-slot", "--reason", "bad", after="corrections"),
    stage("replace", nothing_more, "replace", OTHER, "with", "corrected", "--reason", "better", after="corrections"),
    stage("put-back", nothing_more, "restore", OTHER, after="replace"),
    stage("accept", other_bytes_delivered, "quarantine", "accept", "1", after="corrections"),
    stage("reinspect", longer_days, "reinspect", "--product", "raw", after="corrections"),
    stage("tag", nothing_more, "release", "tag", "2024a", "--every-version", after="corrections"),
    stage("reap", fewer_versions, "reap", after="restore"),
)
