"""Files in the directories of products that the catalogue does not know."""

from __future__ import annotations

import os
from collections.abc import Iterator
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


def unknown_files(store: Store, mission: Mission, product: Product) -> Iterator[str]:
    """The paths of files that lie where those of a product do and have such names, and are in the catalogue under no
    product; without those that are being moved there. No transaction is open while the disk is read."""
    with store.begin() as connection:
        moving = {move.target for move in announced(connection)}
    own = (mission.incoming, mission.quarantine, os.path.join(mission.root, PRIVATE))
    found = files_in(mission.root, product.directory, {os.path.normpath(path) for path in own})
    of_product = ((directory, name) for directory, name in found if product.read(name) is not None)
    while some := list(islice(of_product, _AT_ONCE)):
        with store.begin() as connection:
            known = _known(connection, [name for _, name in some])
        paths = (os.path.join(directory, name) for directory, name in some if name not in known)
        yield from (path for path in paths if path not in moving)


def _known(connection: Connection, names: list[str]) -> set[str]:
    """Those of some names that the catalogue has, or had."""
    statement = select(FILE.c.filename)
    found = (connection.scalars(statement.where(FILE.c.filename.in_(some))) for some in batches(names))
    return {name for some in found for name in some}
