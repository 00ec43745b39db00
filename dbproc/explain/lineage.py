"""What came from what, and what waits for what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from dbproc.database import codes as database_codes
from dbproc.database import files
from dbproc.database import lineage as reading
from dbproc.database.store import Store
from dbproc.explain.status import Facts


def lineage(store: Store, name: str) -> Facts:
    """A file with everything that it came from and everything that came from it.

    Raises
    ------
    NotFoundError
        There is no such file.
    """
    with store.begin() as connection:
        file = files.find_file(connection, name)
        ancestors = reading.related(connection, file["file_id"], ancestors=True)
        descendants = reading.related(connection, file["file_id"], ancestors=False)
        everything = [file, *ancestors, *descendants]
        ids = [row["file_id"] for row in everything]
        codes = database_codes.codes_of_files(connection, ids)
        links = reading.links_among(connection, ids)
        confirmed = reading.confirmations(connection, ids)
    for row in everything:
        row["code"] = codes.get(row["file_id"])
        row["confirmed"] = [each for each in confirmed if each["result"] == row["file_id"]]
    return {"file": file, "ancestors": ancestors, "descendants": descendants, "links": links}


def ancestry(facts: Facts) -> Iterable[tuple[int, Facts, bool]]:
    """The ancestors of a lineage as a tree: depth, file, and whether its own ancestors were listed before."""
    sources = defaultdict(list)
    for source, result in facts["links"]:
        sources[result].append(source)
    rows = {row["file_id"]: row for row in (facts["file"], *facts["ancestors"])}
    listed: set[int] = set()
    todo = [(0, facts["file"]["file_id"])]
    while todo:
        depth, file_id = todo.pop()
        seen = file_id in listed and bool(sources[file_id])
        yield depth, rows[file_id], seen
        listed.add(file_id)
        if not seen:
            below = sorted((source for source in sources[file_id] if source in rows), key=lambda i: rows[i]["filename"])
            todo.extend((depth + 1, source) for source in reversed(below))
