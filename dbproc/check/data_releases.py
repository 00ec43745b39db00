"""Whether releases of data are still what they were: their manifests, and the bytes of their files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from dbproc.check.faults import Fault, Kind, WriteManifest
from dbproc.core.model import Mission
from dbproc.core.states import Standing
from dbproc.database import data_releases
from dbproc.database.files import FileRow
from dbproc.database.store import Transaction
from dbproc.run.whereabouts import places_of
from dbproc.storage.digest import algorithm_of, digest_file
from dbproc.storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A file of a release that is out of its place, or was recorded with another digest; where its bytes are."""

    release: str
    file: FileRow
    digest: str | None
    place: str | None


def doubtful(connection: Transaction, mission: Mission) -> list[Doubtful]:
    """What of releases is to be looked at; what is in its place as it was is looked at with all other files."""
    found = data_releases.doubtful(connection)
    places = places_of(connection, mission, [row for _, row, _ in found])
    return [Doubtful(name, row, digest, places[row.file_id]) for name, row, digest in found]


def release_faults(mission: Mission, named: dict[str, str], found: list[Doubtful], *, deep: bool) -> Iterator[Fault]:
    """Manifests that are not there, or with `deep` not as they were recorded, `named` by their releases; files whose
    bytes are gone."""
    workspace = Workspace(mission.root)
    for name, digest in sorted(named.items()):
        yield from _of_manifest(name, workspace.manifest(name), digest, deep=deep)
    for each in found:
        if text := _text(each):
            yield Fault(
                kind=Kind.RELEASE_LOST,
                place=os.path.join(mission.root, each.file.directory, each.file.filename),
                text=f"the release {each.release} holds it, and {text}",
                remedy="put the bytes that were released back from a copy",
            )


def _of_manifest(name: str, path: str, digest: str, *, deep: bool) -> Iterator[Fault]:
    try:
        os.stat(path)
        if not deep or digest_file(path, algorithm_of(digest)) == digest:
            return
        text = f"these are not the bytes of the manifest of the release {name}"
        remedy = f"move it away, and write the one that was recorded: dbproc release files {name} --manifest {path}"
        cure = None
    except FileNotFoundError:
        text, remedy = f"the manifest of the release {name} is not here", "dbproc check --repair writes it again"
        cure = WriteManifest(name)
    except OSError as error:
        text, remedy = f"the manifest of the release {name} cannot be read: {error.strerror}", "give the right to it"
        cure = None
    yield Fault(kind=Kind.RELEASE_MANIFEST, place=path, text=text, remedy=remedy, cure=cure)


def _text(each: Doubtful) -> str:
    """What is wrong with a file of a release; nothing where its bytes are only out of their place."""
    if each.digest not in (None, each.file.digest):
        return f"other bytes were recorded for it since, before {each.digest}"
    if each.place is None and each.file.offloaded is None:
        gone = "gone from disk" if each.file.standing is Standing.LOST else f"{each.file.standing}"
        return f"its bytes are nowhere: it is {gone}"
    return ""
