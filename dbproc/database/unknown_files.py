"""Files in the directories of products that the catalogue does not know."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection, exists, select

from dbproc.core.model import Mission, Product
from dbproc.database._queries import FILE, batches
from dbproc.database.moves import announced
from dbproc.database.store import Store
from dbproc.storage.layout import PRIVATE
from dbproc.storage.tree import files_in

_AT_ONCE = 500


def is_new(connection: Connection, product_id: int) -> bool:
    """Whether the catalogue never had a file of a product."""
    return not connection.scalar(select(exists().where(FILE.c.product_id == product_id)))


def unknown_files(store: Store, mission: Mission, product: Product, *, with_links: bool = False) -> Iterator[str]:
    """The paths of files that lie where those of a product do and have such names, and are no files of the catalogue;
    without those that are being moved there. `with_links`: of symbolic links, too. No transaction is open while the
    disk is read."""
    with store.begin() as connection:
        moving = {move.target for move in announced(connection)}
    own = (mission.incoming, mission.quarantine, os.path.join(mission.root, PRIVATE))
    found = files_in(mission.root, product.directory, {os.path.normpath(path) for path in own}, with_links=with_links)
    of_product = (os.path.join(*place) for place in found if product.read(place[1]) is not None)
    while some := list(islice(of_product, _AT_ONCE)):
        with store.begin() as connection:
            known = _places(connection, mission, [os.path.basename(path) for path in some])
        yield from (path for path in some if path not in known and path not in moving)


def _places(connection: Connection, mission: Mission, names: Sequence[str]) -> set[str]:
    """Where the files of these names are."""
    is_in_place = (FILE.c.replaced_by.is_(None), FILE.c.correction_id.is_(None))
    statement = select(FILE.c.relative_path, FILE.c.filename).where(*is_in_place)
    rows = (row for some in batches(names) for row in connection.execute(statement.where(FILE.c.filename.in_(some))))
    return {os.path.normpath(os.path.join(mission.root, directory, name)) for directory, name in rows}
