"""The manifests of releases of data on disk: the database has their text, and a file that is not there is written."""

from __future__ import annotations

import os
from collections.abc import Collection

from dbproc.core.data_releases import manifest_text
from dbproc.core.errors import UserError
from dbproc.core.model import Mission
from dbproc.database import data_releases
from dbproc.database.store import Store
from dbproc.storage.digest import algorithm_of, digest_text
from dbproc.storage.durable import write_whole
from dbproc.storage.workspace import Workspace


def write_missing(store: Store, mission: Mission) -> list[str]:
    """Write the manifests that are not there; their paths."""
    workspace = Workspace(mission.root)
    with store.begin() as connection:
        names = sorted(data_releases.named(connection))
    return _written(store, workspace, [name for name in names if not os.path.lexists(workspace.manifest(name))])


def _written(store: Store, workspace: Workspace, names: Collection[str]) -> list[str]:
    paths = []
    for name in names:
        write_whole(workspace.manifest(name), manifest_of(store, name))
        paths.append(workspace.manifest(name))
    return paths


def manifest_of(store: Store, name: str) -> str:
    """The text of the manifest of a release, as it was recorded.

    Raises
    ------
    NotFoundError
        There is no such release.
    UserError
        dbprocessing made it, and it has none; or somebody changed its rows.
    """
    with store.begin() as connection:
        data_releases.require(connection, name)
        found = data_releases.manifest(connection, name)
    if found is None:
        raise UserError(f"the release {name} was made by dbprocessing and has no manifest; see: dbproc release files")
    head, lines, digest = found
    try:
        text = manifest_text(head, lines)
        is_as_recorded = digest_text(text, algorithm_of(digest)) == digest
    except (ValueError, LookupError, TypeError):  # no JSON, or other facts than a file has
        is_as_recorded = False
    if not is_as_recorded:
        raise UserError(
            f"the rows of the release {name} are not those that were recorded: somebody changed the tables release or "
            "datarelease; take them from a backup of the database"
        )
    return text
