"""A mission whose files are kept in stores, offloaded and recalled: more stages that are killed.

Two stores lie beside the mission; what moves files works within the killed process, so that it is killed as well.
"""

from __future__ import annotations

from tests.crash.neighbours import deliver_volume
from tests.crash.site import Site
from tests.crash.stage import RUN, Command, Stage
from tests.kit.stores import rule, store

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

[product.clean]
level = 1
directory = "clean"
format = "clean_{Y}{m}{d}_v{VERSION}.txt"

[process.to_clean]
output = "clean"
timebase = "DAILY"
inputs = ["raw", { product = "volume", optional = true }]
code = { file = "clean.sh", version = "1.0.0" }
"""
CODE = """#!/bin/sh
printf clean > made
while [ $# -gt 1 ]; do printf '(%s)' "$(cat "$1")" >> made; shift; done
mv made "$1"
"""
KEPT = ("--product", "raw", "--product", "volume")


def delivered(site: Site) -> None:
    """Three files are in incoming; nothing is kept anywhere yet."""
    site.code("clean.sh", CODE)
    stores = (store(name, site.outside / name, preference=number) for number, name in enumerate(("near", "far"), 1))
    site.create(MISSION, *stores, rule("raw", "volume", to=["near", "far"]))
    for day in (1, 2):
        site.deliver(f"raw_2024010{day}_v1.0.0.txt")
    deliver_volume(site, "volume_20240101")


def nothing_more(_: Site) -> None:
    """It goes on from where the stage before has ended."""


def made_again(site: Site) -> None:
    """The next run needs what is offloaded, and one of the stores has lost a file."""
    (site.outside / "near" / "raw" / "2024" / "raw_20240102_v1.0.0.txt").unlink()
    site.code("clean.sh", CODE.replace("clean", "cleaner"))


def rotten(site: Site) -> None:
    """Of two inputs of the next run one is gone and one has other bytes; what has moved files ended well."""
    (site.root / "raw" / "2024" / "raw_20240101_v1.0.0.txt").unlink()
    (site.root / "volumes" / "volume_20240101" / "0.bin").write_text("rotten")
    site.code("clean.sh", CODE.replace("clean", "cleanest"))


def stage(name: str, before: object, *words: str, after: str) -> Stage:
    """A command of dbproc that is killed, and is given again after a run; where it was done, it says so."""
    command: Command = ("dbproc", *words)
    again = (RUN, command, RUN, RUN)
    return Stage(name, before, "dbproc", words, status=0, after=after, again=again, accepted=(0, 1))  # type: ignore[arg-type]


STAGES = (
    Stage("replicate", delivered, status=0),
    stage("offload", nothing_more, "offload", *KEPT, after="replicate"),
    Stage("recall-for-jobs", made_again, status=0, after="offload"),
    stage("recall", nothing_more, "recall", *KEPT, after="offload"),
    Stage("recall-rotten", rotten, status=0, after="replicate"),
)
