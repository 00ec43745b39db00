"""Files that are gone from disk: what was made from them, and what helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dbproc.core.model import Definition, File
from dbproc.database import files, lineage
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store, Transaction
from dbproc.run import lost, places


@dataclass(frozen=True, slots=True, kw_only=True)
class LostFile:
    """A file that is gone from disk, and of which no newer version is known."""

    file: str  #: its name
    product: str  #: the name of its product
    is_noticed: bool  #: whether a run has recorded that it is gone
    is_made_again: bool  #: whether a run makes it again, if that can be
    made_from_it: tuple[str, ...]  #: the names of files that came from it

    @property
    def words(self) -> str:
        """That it is gone, and what helps."""
        return lost.words(self.made_from_it, is_made_again=self.is_made_again)


@dataclass(frozen=True, slots=True)
class Gone:
    """What is gone from disk."""

    count: int  #: how many files, but for those of which a newer version is known
    files: tuple[LostFile, ...]  #: the first of them
    problem: str | None  #: on directories that lack all their files
    unnoticed: tuple[File, ...]  #: all that no run has recorded


def gone(store: Store, definition: Definition, most: int) -> Gone:
    """What is gone, as recorded and as the disk shows; `most` files are described."""
    mission = definition.mission
    seen = lost.look(store, mission, places.changed(store, mission))
    with store.begin() as connection:
        new = files.newest_known(connection, [file.file_id for file in seen.lost])
        recorded = files.newest_lost(connection)
        found = _described(connection, definition, [*new, *recorded][:most], len(new))
    return Gone(len(new) + len(recorded), tuple(found), seen.trouble, seen.lost)


def unnoticed_words(store: Store) -> str | None:
    """That files are gone that no run has recorded; None where there are none."""
    with store.begin() as connection:
        mission = load_mission(connection)
    seen = lost.look(store, mission, places.changed(store, mission))
    count = len(seen.lost)
    if not count:
        return seen.trouble
    are = "file is" if count == 1 else "files are"
    return f"{count:,} {are} gone from disk since the last run; the next one records it, and dbproc plan names them"


def _described(connection: Transaction, definition: Definition, some: Sequence[File], unnoticed: int) -> list[LostFile]:
    again = lost.made_again(connection, definition, some)
    names = files.names_of_products(connection)
    return [
        LostFile(
            file=file.filename,
            product=names[file.product_id],
            is_noticed=place >= unnoticed,
            is_made_again=file.file_id in again,
            made_from_it=tuple(row.filename for row in lineage.newest_made_from(connection, [file.file_id])),
        )
        for place, file in enumerate(some)
    ]
