"""Where the bytes of files of the catalogue are on the disk: in their places, or kept aside."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from dbproc.core.model import Mission
from dbproc.core.states import Standing
from dbproc.database import files
from dbproc.database.files import FileRow
from dbproc.database.store import Transaction
from dbproc.storage import layout


def place_of(mission: Mission, row: FileRow) -> str | None:
    """Where the bytes of a file are on the disk: in its place, or kept aside; None where they are in stores alone."""
    if row.standing is Standing.IN_PLACE:
        return f"{mission.root}/{row.directory}/{row.filename}"
    if row.standing is Standing.LOST or row.offloaded is not None:
        return None
    place = layout.TRASH if row.standing is Standing.REAPED else layout.WITHDRAWN
    kept = layout.kept_path(mission, row.file_id, row.digest, row.filename, place)
    archived = None if row.archive is None else os.path.join(row.archive, row.directory, row.filename)
    return next((path for path in (kept, archived) if path is not None and os.path.lexists(path)), None)


def places_of(connection: Transaction, mission: Mission, rows: Sequence[FileRow]) -> Mapping[int, str | None]:
    """By file: where its bytes are, None where they are nowhere. What was inspected anew has a row of its own, and its
    bytes are where that one's are."""
    places = {row.file_id: place_of(mission, row) for row in rows}
    for row in rows:
        if places[row.file_id] is None and row.standing is Standing.REPLACED:
            states = files.rows_numbered(connection, files.states_of(connection, row.filename))
            same = (place_of(mission, each) for each in states if each.digest == row.digest)
            places[row.file_id] = next((place for place in same if place is not None and os.path.lexists(place)), None)
    return places
