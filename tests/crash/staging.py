"""A mission whose files are staged into a user's area, and taken out again: more stages that are killed.

In the area are files of the user beside what is placed.
"""

from __future__ import annotations

from tests.crash.neighbours import deliver_volume
from tests.crash.site import Site
from tests.crash.stage import RUN, Command, Stage
from tests.kit.mission import table

MISSION = """
[product.raw]
level = 0
directory = "raw/{Y}"
format = "raw_{Y}{m}{d}_v{VERSION}.txt"

[product.volume]
level = 0
directory = "volumes"
format = "volume_{Y}{m}{d}.idx"
companion = true
"""
ALL = ("--product", "raw", "--product", "volume", "--to")


def delivered(site: Site) -> None:
    """Three files are at home; in the area is something of the user's."""
    area = site.outside / "area"
    (area / "ada" / "in").mkdir(parents=True)
    (area / "ada" / "in" / "mine").write_text("mine")
    site.create(MISSION, table("area.scratch", {"directory": str(area), "reserve": 0}))
    for day in (1, 2):
        site.deliver(f"raw_2024010{day}_v1.0.0.txt")
    deliver_volume(site, "volume_20240101")
    site.command(*RUN, "-m", site.database)


def nothing_more(_: Site) -> None:
    """It goes on from where the stage before has ended."""


def expired(site: Site) -> None:
    """The time of every request is over."""
    site.execute("UPDATE stage SET expires_time = '2024-06-01 00:00:00.000000'")


def stage(name: str, before: object, *words: str, after: str | None = None) -> Stage:
    """A command of dbproc that is killed, and is given again after a run."""
    command: Command = ("dbproc", *words)
    again = (RUN, command, RUN, RUN)
    return Stage(name, before, "dbproc", words, status=0, after=after, again=again)  # type: ignore[arg-type]


STAGES = (
    stage("stage", delivered, "stage", *ALL, "scratch/ada/in/2024"),
    stage("stage-links", nothing_more, "stage", *ALL, "scratch/ada/links", "--link", "hardlink", after="stage"),
    stage("stages-end", nothing_more, "stages", "end", "1", after="stage"),
    Stage("stages-expire", expired, status=0, after="stage-links"),
)
