"""Mark files: how good they are, and what is to be known before they are used.

A mark moves no bytes and makes no version. It decides only where an input says which qualities it takes; what depends
on that is looked at by the next run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from dbproc.changes.correcting import correcting, require_some
from dbproc.changes.trial import Descendant, descendants, foresee
from dbproc.changes.withdraw import Choice
from dbproc.core.errors import UserError
from dbproc.core.states import Correction, Quality
from dbproc.database import corrections, queue
from dbproc.database.corrections import Corrected
from dbproc.database.files import FileRow
from dbproc.database.store import Store, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedFile:
    """A file that is marked."""

    file: str  #: its name
    product: str  #: the name of its product
    quality: Quality  #: how it is marked
    caveats: str | None  #: what is to be known of it
    former_quality: Quality  #: how it was marked before
    former_caveats: str | None  #: what was said of it before


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What a mark does."""

    files: tuple[MarkedFile, ...]  #: the files whose mark is another one
    as_before: int  #: how many files are so marked already
    descendants: tuple[Descendant, ...]  #: what was made from them, and what becomes of it
    is_done: bool  #: whether it was done, not only foreseen


def mark(
    store: Store,
    choice: Choice,
    quality: Quality | None,
    caveat: str | None,
    reason: str = "",
    *,
    only_look: bool = False,
) -> Marked:
    """Mark files, or with `only_look` say what would come of it.

    Parameters
    ----------
    store
        The mission's database.
    choice
        Finds the files.
    quality, caveat
        How good they are, and what is to be known of them; None leaves it as it is, an empty caveat removes it.
    reason
        Why; it is shown by ``why``.
    only_look
        Change nothing.

    Raises
    ------
    UserError
        No file is meant, or nothing is said of it.
    BusyError, LockError
        A run is live.
    """
    values: dict[str, str | None] = {} if quality is None else {"quality": quality}
    if caveat is not None:
        values["caveats"] = caveat.strip() or None
    if not values:
        raise UserError("say how they are marked: --quality ok|ignore|problem|unknown, --caveat TEXT, or both")
    with correcting(store, "mark", only_look=only_look):
        with store.begin() as connection:
            chosen = list(choice(connection))
        require_some(chosen, "mark")
        rows = [row for row in chosen if any(getattr(row, name) != value for name, value in values.items())]
        enter = partial(_enter, rows=rows, values=values, reason=reason)
        foreseen = foresee(store, enter)
        told = Marked(
            files=tuple(_told(row, values) for row in rows),
            as_before=len(chosen) - len(rows),
            descendants=descendants(store, [row.file_id for row in rows], foreseen),
            is_done=not only_look,
        )
        if rows and not only_look:
            with store.begin() as connection:
                enter(connection)
    return told


def _enter(connection: Transaction, *, rows: Sequence[FileRow], values: Mapping[str, str | None], reason: str) -> None:
    """Record the marks with what they were before, and queue the files."""
    former = [Corrected(row.file_id, former={name: getattr(row, name) for name in values}) for row in rows]
    said = ", ".join(f"{name} {value}" if value else f"no {name}" for name, value in values.items())
    corrections.enter(connection, Correction.MARK, f"{said}; {reason}" if reason else said, former)
    ids = [row.file_id for row in rows]
    corrections.mark(connection, ids, values)
    queue.push_marked(connection, ids)


def _told(row: FileRow, values: Mapping[str, str | None]) -> MarkedFile:
    return MarkedFile(
        file=row.filename,
        product=row.product,
        quality=Quality(values.get("quality") or row.quality),
        caveats=values.get("caveats", row.caveats),
        former_quality=row.quality,
        former_caveats=row.caveats,
    )
