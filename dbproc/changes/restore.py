"""Undo the last correction of files: what was withdrawn or reaped comes back, what was replaced has its bytes again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dbproc.changes.correcting import (
    Correcting,
    correcting,
    is_withdrawn,
    known,
    refuse,
    require_home,
    require_some,
    require_there,
)
from dbproc.changes.trial import Becomes, Descendant, Foreseen, descendants, foresee
from dbproc.changes.withdraw import Choice
from dbproc.core.errors import PlacementError, UserError
from dbproc.core.model import KnownFile, Move
from dbproc.core.states import Correction, Purpose, Standing
from dbproc.database import corrections, files, lineage, queue, verdicts
from dbproc.database import moves as placements
from dbproc.database.definition.load import load_definition
from dbproc.database.files import FileRow
from dbproc.database.store import Store, Transaction
from dbproc.run.withdrawal import moved
from dbproc.storage import layout, moves
from dbproc.storage.aside import move_aside, move_home, path_of
from dbproc.storage.digest import algorithm_of, digest_file

RESTORED = "restored"
"""Why a file is queued that is in its place again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredFile:
    """A file that comes back."""

    file: str  #: its name
    product: str  #: the name of its product
    was: Standing  #: how it stood
    undone: Correction  #: what had been done to it
    comes_with: str | None  #: the input that comes back, because of which it had been withdrawn
    has_bytes: bool  #: whether its bytes are there; they were lost before otherwise
    becomes: Becomes  #: what the next run does with it, when it is not as it would be made now
    by: str | None  #: the name of the file that takes its place then
    is_withdrawn: bool  #: whether it is withdrawn again, as it was before others took its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What is restored."""

    files: tuple[RestoredFile, ...]  #: the files themselves
    descendants: tuple[Descendant, ...]  #: what was made from them, and what becomes of it
    is_done: bool  #: whether it was done, not only foreseen


@dataclass(frozen=True, slots=True)
class _Back:
    """A file that comes back, and the move of its bytes, unless they are lost; `instead` has its name now, and where it
    `is_same`, its bytes as well."""

    row: FileRow
    file: KnownFile
    home: Move | None = None
    instead: KnownFile | None = None
    comes_with: str | None = None
    is_same: bool = False

    @property
    def has_bytes(self) -> bool:
        """Whether its bytes will be in its place, or are in stores."""
        is_out = self.instead is not None and self.file.correction_id is not None
        return self.home is not None or self.is_same or (self.file.is_offloaded and not is_out)


def restore(store: Store, choice: Choice, *, is_named: bool = True, only_look: bool = False) -> Restored:
    """Undo the last correction of files, or with `only_look` say what would come of it.

    A withdrawn file comes back with what had been withdrawn because of it; what has replaced another one goes aside,
    and that one is as it was before. Of files that are not `is_named` each but selected, those alone come back that
    are out of their places, if any is.

    Raises
    ------
    UserError
        No file is meant; one has nothing that could be undone, or was withdrawn because of an input; its bytes are
        deleted, or something else is in its place.
    BusyError, LockError
        A run is live.
    """
    with correcting(store, "restore", only_look=only_look) as ground:
        with store.begin() as connection:
            rows = _meant(list(choice(connection)), is_named=is_named)
            withdrawn = [row.file_id for row in rows if row.standing is Standing.WITHDRAWN]
            rows += files.rows_numbered(connection, corrections.fellows(connection, withdrawn))
        require_some(rows, "restore")
        backs = _backs(ground, rows)
        require_there(ground, [back.instead for back in backs if back.instead is not None])
        require_home(ground, {back.file.directory for back in backs if back.home is not None})
        foreseen = foresee(store, partial(_enter, backs=backs))
        with store.begin() as connection:
            files_told = tuple(_told(connection, back, foreseen) for back in backs)
            marked = verdicts.meant(connection, foreseen.definition, _involved(backs))
        told = Restored(
            files=files_told,
            descendants=descendants(store, [*_involved(backs), *marked], foreseen),
            is_done=not only_look,
        )
        if not only_look:
            _carry_out(ground, backs)
    return told


def _meant(rows: list[FileRow], *, is_named: bool) -> list[FileRow]:
    """Of files that are only selected, those that are out of their places by themselves, or else in them."""
    if is_named:
        return rows
    out = [row for row in rows if row.standing in (Standing.WITHDRAWN, Standing.REAPED)]
    return out or [row for row in rows if row.standing.exists]


def _backs(ground: Correcting, rows: Sequence[FileRow]) -> list[_Back]:
    """What comes back: the files, or those that they replaced, and what had been withdrawn with them."""
    chosen = {row.file_id for row in rows}
    with_input = [row for row in rows if row.standing is Standing.FOLLOWING]
    back = [row for row in rows if row.standing in (Standing.WITHDRAWN, Standing.REAPED)]
    known_back = known(ground.store, back)
    with ground.store.begin() as connection:
        found = [_Back(row, file) for row, file in zip(back, known_back, strict=True)]
        found += [_former(connection, row) for row in rows if row.standing.exists]
        _require_free(connection, found)
        _require_inputs(connection, found)
        following = corrections.followers(connection, _undone(connection, found))
        alone = [row for row in with_input if row.file_id not in following]
        _refuse_following(connection, alone)
        lost = [row for row in rows if row.standing in (Standing.LOST, Standing.REPLACED)]
        refuse(lost, "nothing was done to it that could be undone", "deliver it again, or see: dbproc why FILE")
        rest = [file_id for file_id in following if file_id not in chosen or file_id in _ids(with_input)]
        found += _following(connection, rest, [each.row for each in found])
    deleted = [each.row for each in found if each.file.is_deleted]
    for archive in dict.fromkeys(row.archive for row in deleted if row.archive is not None):
        refuse(
            [row for row in deleted if row.archive == archive],
            f"its bytes were archived below {archive}",
            "deliver a copy of it from there: dbproc files --former --paths",
        )
    refuse(
        deleted, "its bytes were deleted from the trash", "deliver it again, or have it made again: dbproc reprocess"
    )
    backs = [replace(each, home=_home(ground, each)) for each in found]
    gone = [each.row for each in backs if each.instead and not each.has_bytes and each.file.correction_id is None]
    refuse(gone, "its former bytes were lost before", "what is in its place stays")
    return backs


def _ids(rows: Sequence[FileRow]) -> set[int]:
    return {row.file_id for row in rows}


def _refuse_following(connection: Transaction, rows: Sequence[FileRow]) -> None:
    if rows:
        last = corrections.of_files(connection, [row.file_id for row in rows])
        cause = next((each.cause for each in last if each.cause), None)
        refuse(rows, f"withdrawn because of {cause}", f"restore that: dbproc restore {cause}")


def _undone(connection: Transaction, backs: Sequence[_Back]) -> dict[int, int]:
    """By file that comes back: the correction that put it out of its place."""
    last = {back.row.file_id: back.file.correction_id for back in backs if back.instead is None}
    found = {file_id: number for file_id, number in last.items() if number is not None}
    replaced = [back.row.file_id for back in backs if back.instead is not None]
    for each in reversed(corrections.of_files(connection, replaced)):
        if each.kind in (Correction.REPLACE, Correction.REINSPECT) and each.undone_time is None:
            found[each.file_id] = each.correction_id
    return found


def _require_inputs(connection: Transaction, backs: Sequence[_Back]) -> None:
    """See that nothing comes back of which an input is withdrawn: the next run would withdraw it again."""
    returning = {back.row.file_id for back in backs}
    for back in backs:
        inputs = lineage.inputs_of_file(connection, back.row.file_id)
        out = [each.filename for each in inputs if is_withdrawn(each) and each.file_id not in returning]
        if out:
            why = f"it was made from {out[0]}, which is withdrawn"
            raise UserError(f"{back.row.filename}: {why}; restore that first: dbproc restore {out[0]}")


def _require_free(connection: Transaction, backs: Sequence[_Back]) -> None:
    """See that no other file has the product, date, keywords and version that one has had before."""
    own = {back.row.filename for back in backs if back.instead is not None}
    places = {files.identity_of_row(back.row): back.row.filename for back in backs if back.instead is not None}
    for identity, other in files.known_by_identity(connection, list(places)).items():
        if other not in own:
            text = f"{other} has its date, keywords and version now; nothing was restored"
            raise UserError(f"{places[identity]}: {text}; see: dbproc why {other}")


def _former(connection: Transaction, row: FileRow) -> _Back:
    """The file that one in place has replaced."""
    (instead,) = files.known_by_number(connection, [row.file_id])
    number = corrections.former_of(connection, row.file_id)
    if number is None or instead.is_made:
        why = "it is in its place, and nothing was done to it that could be undone"
        raise UserError(f"{row.filename}: {why}; see: dbproc why {row.filename}")
    (former,) = files.rows_numbered(connection, [number])
    (file,) = files.known_by_number(connection, [number])
    return _Back(former, file, instead=instead, is_same=_has_same_bytes(file, instead))


def _following(connection: Transaction, file_ids: Sequence[int], back: Sequence[FileRow]) -> Iterator[_Back]:
    """What had been withdrawn because of files, unless another input of it is still taken back."""
    names = {row.file_id: row.filename for row in back}
    returning = corrections.with_former(connection, dict.fromkeys((*names, *file_ids), True))
    rows = {row.file_id: row for row in files.rows_numbered(connection, file_ids)}
    known_files = {file.file_id: file for file in files.known_by_number(connection, file_ids)}
    causes = {each.file_id: each.cause for each in reversed(corrections.of_files(connection, file_ids))}
    for file_id in file_ids:
        inputs = lineage.inputs_of_file(connection, file_id)
        is_version = any(_is_version(rows[file_id], row) for row in back)  # it went along, or was superseded anyway
        if is_version or not any(is_withdrawn(each) and each.file_id not in returning for each in inputs):
            yield _Back(rows[file_id], known_files[file_id], comes_with=causes.get(file_id))


def _is_version(row: FileRow, newer: FileRow) -> bool:
    same = (row.product_id, row.date, row.keywords) == (newer.product_id, newer.date, newer.keywords)
    return same and row.version < newer.version


def _has_same_bytes(one: KnownFile, other: KnownFile) -> bool:
    return one.digest == other.digest and set(one.members) == set(other.members)


def _require_kept(move: Move, file: KnownFile) -> None:
    """See that bytes that are kept aside are those that were recorded."""
    parts = moves.parts(move.source, file.members)
    digests = (file.digest, *(member.digest for member in file.members))
    for path, digest in zip(parts, digests, strict=True):
        try:
            is_right = digest_file(path, algorithm_of(digest)) == digest
        except OSError:
            is_right = False
        if not is_right:
            raise UserError(f"{path} does not have the bytes that were recorded; copy them there, and restore it then")


def _home(ground: Correcting, back: _Back) -> Move | None:
    """The move of its bytes into its place; none for one that was withdrawn before it was replaced, or whose
    bytes are in stores alone."""
    if (back.instead if back.instead and back.is_same else back.file).is_offloaded:
        return None
    if back.instead is not None and back.is_same:
        source, target = path_of(ground.mission, back.instead), path_of(ground.mission, back.file)
        is_moved = source != target
        return Move(Purpose.RENAME, source, target, back.file.digest, back.file.members) if is_moved else None
    if back.instead is not None and back.file.correction_id is not None:
        return None
    place = layout.TRASH if back.row.standing is Standing.REAPED else layout.WITHDRAWN
    move = move_home(ground.mission, back.file, place)
    if move is not None:
        _require_kept(move, back.file)
    return move


def _told(connection: Transaction, back: _Back, foreseen: Foreseen) -> RestoredFile:
    done = (each.kind for each in corrections.of_files(connection, [back.row.file_id]) if each.undone_time is None)
    taking = [kind for kind in done if kind not in (Correction.RENAME, Correction.MARK, Correction.ACCEPT)]
    becomes, by = foreseen.fate_of(back.row)
    return RestoredFile(
        file=back.row.filename,
        product=back.row.product,
        was=back.row.standing,
        undone=taking[0],
        comes_with=back.comes_with,
        has_bytes=back.has_bytes,
        becomes=becomes,
        by=by,
        is_withdrawn=back.instead is not None and back.file.correction_id is not None,
    )


def _involved(backs: Sequence[_Back]) -> list[int]:
    """The files that come back, and those that make way."""
    return [back.row.file_id for back in backs] + [back.instead.file_id for back in backs if back.instead]


def _enter(connection: Transaction, *, backs: Sequence[_Back]) -> None:
    """Record what comes back, and queue what it changes."""
    withdrawn = [back for back in backs if back.instead is None]
    involved = _involved(backs)
    undone = _undone(connection, backs)
    lost = [back.row.file_id for back in withdrawn if not back.has_bytes]
    corrections.put_back(connection, [back.row.file_id for back in withdrawn], lost=lost)
    replaced = [(back.row.file_id, back.instead.file_id) for back in backs if back.instead is not None]
    corrections.give_back(connection, replaced, exist={back.row.file_id for back in backs if back.has_bytes})
    corrections.undo(connection, undone)
    sources = [source for source, _ in lineage.links_among(connection, [back.row.file_id for back in backs])]
    queue.push_back(connection, [*involved, *sources], RESTORED)
    verdicts.settle(connection, load_definition(connection), involved)


def _carry_out(ground: Correcting, backs: Sequence[_Back]) -> None:
    others = [back.instead for back in backs if back.instead is not None and not back.is_same]
    aside = [move_aside(ground.mission, other) for other in others]
    wanted = [move for move in (*aside, *(back.home for back in backs)) if move is not None]
    try:
        with moved(ground.store, wanted), ground.store.begin() as connection:
            _enter(connection, backs=backs)
            placements.withdraw(connection, wanted)
    except PlacementError as error:
        raise UserError(f"{error}; nothing was restored") from error
