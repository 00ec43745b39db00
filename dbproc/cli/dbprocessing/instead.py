"""Scripts of dbprocessing that have no equal here: each says which command does its job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from dbproc.cli.common import HELP

_WORDS: Mapping[str, str] = {
    "addProductProcessLink.py": "an input is added in the mission file, and then: dbproc apply FILE; "
    "if there is none: dbproc export --output mission.toml",
    "changeProductDir.py": "the directory of a product is changed in the mission file; dbproc apply FILE then moves "
    "its files along; if there is none: dbproc export --output mission.toml",
    "coveragePlot.py": "no configuration is needed: dbproc coverage --png coverage.png -m DATABASE",
    "deleteAllDBFiles.py": "a catalogue is not emptied: dbproc withdraw --product PRODUCT --reason TEXT takes files "
    "back and can be undone; to begin anew: dbproc init OTHER, and dbproc adopt -m OTHER for what lies in place",
    "fast_data.py": "a product says in the mission file how many versions it keeps (keep = 1), and dbproc reap "
    "[--archive DIRECTORY] removes the others; delivered files are never removed",
    "histogramCodes.py": "logs need not be read: dbproc stats --png codes.png -m DATABASE",
    "makeLatestSymlinks.py": "no configuration is needed, the catalogue knows the newest files: "
    "dbproc links DIRECTORY -m DATABASE",
    "replaceArgsWithRootdir.py": "write {ROOTDIR} for the root in the arguments of the mission file, then: "
    "dbproc apply FILE; if there is none: dbproc export --output mission.toml",
    "weeklyReport.py": "logs need not be read: dbproc report --since 7d --html week.html -m DATABASE",
    "writeDBhtml.py": "the mission as one page: dbproc report --output mission.html -m DATABASE",
    "updateUnixTime.py": "nothing is to be done: unixtime is a view of the times of each file",
}


def _command(name: str, words: str) -> click.Command:
    @click.command(name, context_settings={**HELP, "ignore_unknown_options": True}, help=f"Gone: {words}.")
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def say(words: Sequence[str], told: str = words) -> None:
        raise click.UsageError(f"{name} is gone; {told}")

    return say


COMMANDS = {name: _command(name, words) for name, words in _WORDS.items()}
