"""An area as it is entered: never one whose disk is not mounted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dbproc.core.errors import TemporaryError
from dbproc.core.places import AreaSpec
from dbproc.database import staging
from dbproc.database.store import Store
from dbproc.storage import areas
from dbproc.storage.areas import Area


@contextmanager
def entered(store: Store, spec: AreaSpec) -> Iterator[Area]:
    """An area, open.

    Raises
    ------
    TemporaryError
        It is not there, or has nothing in it, though files were placed there.
    """
    with areas.opened(spec.directory) as area:
        if area.is_empty():
            with store.begin() as connection:
                if staging.has_placed(connection, spec.name):
                    raise TemporaryError(
                        f"area {spec.name}: {spec.directory} is empty, though files were placed in it; mount its disk, "
                        "or make a directory in it if they are gone for good",
                        is_of_place=True,
                    )
        yield area
