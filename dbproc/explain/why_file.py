"""Explain a file: what it came from, and how it stands now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dbproc.core.answers import OPTIONAL, extended
from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.model import Definition, Process, Slot
from dbproc.core.plan import Decision, State, valid_code
from dbproc.core.staleness import alternatives
from dbproc.core.states import Quality
from dbproc.database import attempts, corrections, data_releases, lineage, verdicts
from dbproc.database import codes as database_codes
from dbproc.database import files as database_files
from dbproc.database.attempts import AttemptRow
from dbproc.database.codes import CodeOfFile
from dbproc.database.corrections import CorrectionRow
from dbproc.database.definition.load import load_definition
from dbproc.database.files import FileRow
from dbproc.database.lineage import ConfirmationRow
from dbproc.database.log import named_now
from dbproc.database.replicas import stores_with
from dbproc.database.store import Store, Transaction
from dbproc.explain.causes import Inquiry, maker_of
from dbproc.explain.transfers import ShownTransfer, came_with


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The product of an input among those that replace each other."""

    of: tuple[str, ...]  #: the products, the best first
    place: int  #: which of them it is, counted from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOfFile(FileRow):
    """An input of a file."""

    choice: Choice | None = field(default=None, metadata=OPTIONAL)  #: where it stands for others


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A file that is not up to date itself."""

    file: str  #: its name
    state: State  #: how it stands
    explanation: str  #: in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a file says by its name of another one."""

    quality: Quality  #: how good that is
    of: str  #: its name
    is_there: bool  #: whether the catalogue has it; else the word waits for it


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyFile:
    """The origin and state of a file; the last four fields are for made files."""

    file: FileRow  #: the file
    confirmed: tuple[ConfirmationRow, ...]  #: why it was not made again
    attempt: AttemptRow | None  #: what made it; null: it was delivered
    inputs: tuple[InputOfFile, ...]  #: what it was made from
    codes: tuple[CodeOfFile, ...]  #: what it was made by
    made_with: tuple[str, ...]  #: the names of the other outputs of the attempt
    newest: str  #: the name of its newest version in place, its own where there is none
    corrections: tuple[CorrectionRow, ...]  #: what was done to it, or to what had its name before, the last first
    fetched: tuple[ShownTransfer, ...]  #: from where it was fetched, when, with which digest, the first time first
    stores: tuple[str, ...]  #: the stores that have a copy of it, as far as is known
    releases: tuple[str, ...]  #: the releases of data that hold it, or what had its name before
    says: Said | None = field(default=None, metadata=OPTIONAL)  #: how good another file is, as its name says
    state: State | None = field(default=None, metadata=OPTIONAL)  #: how its slot stands
    explanation: str | None = field(default=None, metadata=OPTIONAL)  #: in a sentence
    changes: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)  #: all that is another one since
    upstream: tuple[Upstream, ...] | None = field(default=None, metadata=OPTIONAL)  #: what it came from and is stale


def why_file(store: Store, name: str) -> WhyFile:
    """Explain a file: delivered, or made from which inputs, by which code, for which reasons; and its state now.

    Raises
    ------
    NotFoundError
        There is no such file.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
        file = _found(connection, definition, name)
        attempt = attempts.attempt_of_output(connection, file.file_id)
        made = database_files.outputs_of_attempt(connection, attempt.attempt_id) if attempt else []
        codes = tuple(database_codes.codes_of_file(connection, file.file_id))
        versions = database_files.files_of_slot(connection, file.product_id, file.date)
        ancestors = lineage.related(connection, file.file_id, ancestors=True)
        slots = attempts.slots_of_files(connection, [file.file_id, *(row.file_id for row, _ in ancestors)])
        maker = maker_of(definition, file.product_id)
        states = database_files.states_of(connection, file.filename)
        answer = WhyFile(
            file=file,
            confirmed=tuple(lineage.confirmations(connection, [file.file_id])),
            attempt=attempt,
            inputs=tuple(_inputs(definition, maker, lineage.inputs_of_file(connection, file.file_id))),
            codes=codes,
            made_with=tuple(row.filename for row in made if row.file_id != file.file_id),
            newest=next((row.filename for row in versions if _is_same(row, file)), file.filename),
            corrections=tuple(corrections.of_files(connection, states)),
            fetched=tuple(came_with(connection, file.file_id)),
            stores=stores_with(connection, [file.file_id]).get(file.file_id, ()),
            releases=data_releases.names_holding(connection, states),
            says=_said(connection, definition, file),
        )
    if maker is None:
        return answer
    inquiry = Inquiry(store, definition)
    slot = slots.get(file.file_id, Slot(maker.process_id, file.date))
    decision = inquiry.decided(replace(slot, process_id=maker.process_id))
    return replace(
        answer,
        state=decision.state,
        explanation=decision.explanation,
        changes=tuple(_changes(store, inquiry, decision, codes)),
        upstream=tuple(
            Upstream(file=row.filename, state=each.state, explanation=each.explanation)
            for row, _ in ancestors
            if row.file_id in slots and slots[row.file_id].process_id in definition.processes
            for each in [inquiry.decided(slots[row.file_id])]
            if each.state is not State.UP_TO_DATE
        ),
    )


def _found(connection: Transaction, definition: Definition, name: str) -> FileRow:
    """A file by its name; the name of a product is not enough."""
    try:
        return database_files.find_file(connection, name)
    except NotFoundError:
        now = named_now(connection, "product", name)
        if now is None and name not in {product.name for product in definition.products.values()}:
            raise
        called = f"the product {name} is called {now} now" if now else f"{name} is a product"
        raise UserError(f"{called}; say of which day, hour or minute: dbproc why {now or name} 2024-05-06") from None


def _said(connection: Transaction, definition: Definition, file: FileRow) -> Said | None:
    word = verdicts.said(definition, file)
    if word is None:
        return None
    quality, name = word
    return Said(quality=quality, of=name, is_there=bool(database_files.files_named(connection, [name])))


def _is_same(row: FileRow, file: FileRow) -> bool:
    """Whether this is a version of a file that is in its place, or in stores."""
    return row.keywords == file.keywords and row.standing.exists


def _inputs(definition: Definition, maker: Process | None, rows: Sequence[FileRow]) -> Iterator[InputOfFile]:
    """The inputs of a file, with their place in a choice."""
    choices = {
        name: Choice(of=names, place=place)
        for links in (alternatives(maker.inputs) if maker else ())
        if len(links) > 1
        for names in [tuple(definition.products[link.product_id].name for link in links)]
        for place, name in enumerate(names, start=1)
    }
    return (extended(InputOfFile, row, choice=choices.get(row.product)) for row in rows)


def _changes(store: Store, inquiry: Inquiry, decision: Decision, codes: Sequence[CodeOfFile]) -> Iterator[str]:
    """Every component that changed since a file was made."""
    if decision.state is not State.UP_TO_DATE:
        yield from [reason.text for reason in decision.task.reasons] if decision.task else [decision.explanation]
    if decision.task is not None and codes:
        old, new = codes[0].code_id, decision.task.code.code_id
        with store.begin() as connection:
            parts = database_codes.code_parts(connection, [old, new])
        yield from _part_changes(parts[old], parts[new])
    for edit in inquiry.edits:
        code = valid_code([edit.code], decision.slot.date)
        if code is not None and code.process_id == decision.slot.process_id:
            yield f"code {code.path} was edited under its version {code.version}; the next run notices"
            with store.begin() as connection:
                before = database_codes.code_parts(connection, [code.code_id])[code.code_id]
            yield from _part_changes(before, {part.path: part.digest for part in edit.bundle.parts})


def _part_changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """The files of a code that differ between two versions."""
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            how = "was added" if path not in old else "was removed" if path not in new else "changed"
            yield f"the code's file {path} {how}"
