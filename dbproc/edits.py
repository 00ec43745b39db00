"""Noticing codes and inspectors whose bytes changed under an unchanged version, and doing what the policy says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbproc.bundle import Bundle, bundle_stat, keep, read_bundle
from dbproc.catalogue import attempts, codes
from dbproc.catalogue.definition import load_definition, requeue_inputs
from dbproc.digest import algorithm_of, digest_file, stat_text
from dbproc.errors import UserError
from dbproc.model import Code, CodeEditPolicy, Definition, Inspector
from dbproc.report import Event, Report
from dbproc.store import Store

_BY_POLICY = "by the policy of the mission"


@dataclass(frozen=True, slots=True)
class Edit:
    """A code whose bytes, or those of what it uses, are not those that were recorded."""

    code: Code
    bundle: Bundle

    @property
    def is_first(self) -> bool:
        """Whether no bytes were recorded before."""
        return not self.code.digest


@dataclass(frozen=True, slots=True)
class InspectorEdit:
    """An inspector whose bytes are not those that were recorded."""

    inspector: Inspector
    products: tuple[str, ...]
    digest: str
    stat: str


def any_program_touched(definition: Definition) -> bool:
    """Whether a file of an active code or of an inspector changed its size, time or inode since it was digested."""
    return any(_is_touched(code) for code in _codes(definition)) or any(
        _is_inspector_touched(inspector) for inspector, _ in _inspectors(definition)
    )


def find_edits(definition: Definition) -> tuple[list[Edit], list[Edit]]:
    """The edited codes, and those whose files were touched without a change; only touched files are read."""
    edited: list[Edit] = []
    touched: list[Edit] = []
    for code in _codes(definition):
        bundle = _look(code, definition.mission.digest)
        if bundle is not None:
            (touched if bundle.digest == code.digest else edited).append(Edit(code, bundle))
    return edited, touched


def find_inspector_edits(definition: Definition) -> list[InspectorEdit]:
    """The inspectors that were touched; their digest tells whether they were edited."""
    found = []
    for inspector, products in _inspectors(definition):
        if _is_inspector_touched(inspector):
            algorithm = algorithm_of(inspector.digest) or definition.mission.digest
            found.append(
                InspectorEdit(inspector, products, digest_file(inspector.name, algorithm), stat_text(inspector.name))
            )
    return found


def edits_in_words(definition: Definition) -> list[dict[str, str]]:
    """The edited codes and what the next run will do about them, for people."""
    consequences = {
        CodeEditPolicy.BUMP: "counts as the next revision; the next run rebuilds what it made",
        CodeEditPolicy.REFUSE: "not run until it is released with a higher version, or accepted",
        CodeEditPolicy.ACCEPT: "accepted by the mission's policy",
    }
    return [
        {
            "code": edit.code.path,
            "version": str(edit.code.version),
            "consequence": consequences[edit.code.on_code_edit],
        }
        for edit in find_edits(definition)[0]
    ]


def settle_edits(store: Store, definition: Definition, report: Report) -> tuple[Definition, frozenset[int]]:
    """Apply the policy of each edited code; the definition to go on with, and the processes that must not run."""
    edited, touched = find_edits(definition)
    if not edited and not touched:
        return definition, frozenset()
    allowed = [edit for edit in edited if edit.is_first or edit.code.on_code_edit is not CodeEditPolicy.REFUSE]
    for edit in allowed:
        keep(edit.code.path, edit.bundle, definition.mission.kept_codes)
    with store.begin() as connection:
        for edit in touched:
            codes.touch(connection, edit.code.code_id, edit.bundle.stat)
        for edit in allowed:
            if edit.is_first:
                codes.enter_bundle(connection, edit.code.code_id, edit.bundle)
                attempts.arm(connection, [edit.code.process_id], None)
            elif edit.code.on_code_edit is CodeEditPolicy.ACCEPT:
                codes.accept(connection, edit.code.code_id, edit.bundle, _BY_POLICY)
                attempts.arm(connection, [edit.code.process_id], None)
            else:
                codes.bump(connection, edit.code.code_id, edit.bundle, _BY_POLICY)
                requeue_inputs(connection, [edit.code.process_id], f"code {edit.code.path} was edited")
        changed = load_definition(connection)
    for edit in edited:
        _say(edit, report)
    return changed, frozenset(edit.code.process_id for edit in edited if edit not in allowed)


def settle_inspector_edits(store: Store, definition: Definition, report: Report) -> bool:
    """Apply the mission's policy to edited inspectors; False when nothing may be ingested until a person acted."""
    found = find_inspector_edits(definition)
    policy = definition.mission.on_code_edit
    refused = [edit for edit in found if _is_edited(edit) and policy is CodeEditPolicy.REFUSE]
    with store.begin() as connection:
        for edit in found:
            if edit not in refused:
                is_new = _is_edited(edit) and policy is CodeEditPolicy.BUMP
                codes.enter_inspector(connection, edit.inspector.inspector_id, edit.digest, edit.stat, is_new=is_new)
    for edit in found:
        if _is_edited(edit):
            _say_inspector(edit, policy, report)
    return not refused


def accept_edit(store: Store, definition: Definition, process_id: int, reason: str) -> list[Edit]:
    """Take the edited codes of a process for the same as before; gives them.

    Raises
    ------
    UserError
        None of its codes was edited.
    """
    edited = [edit for edit in find_edits(definition)[0] if edit.code.process_id == process_id]
    if not edited:
        name = definition.processes[process_id].name
        raise UserError(f"no active code of {name} was edited since its bytes were recorded: nothing to accept")
    for edit in edited:
        keep(edit.code.path, edit.bundle, definition.mission.kept_codes)
    with store.begin() as connection:
        for edit in edited:
            codes.accept(connection, edit.code.code_id, edit.bundle, reason)
        attempts.arm(connection, [process_id], None)
    return edited


def accept_inspector_edit(store: Store, definition: Definition, product: str) -> None:
    """Take the edited inspector of a product for the same as before.

    Raises
    ------
    UserError
        It was not edited, or is one of dbproc's own.
    """
    edits = [edit for edit in find_inspector_edits(definition) if product in edit.products and _is_edited(edit)]
    if not edits:
        raise UserError(f"the inspector of {product} was not edited since its bytes were recorded: nothing to accept")
    with store.begin() as connection:
        for edit in edits:
            codes.enter_inspector(connection, edit.inspector.inspector_id, edit.digest, edit.stat, is_new=False)


def _codes(definition: Definition) -> Iterator[Code]:
    return (code for found in definition.codes.values() for code in found)


def _inspectors(definition: Definition) -> list[tuple[Inspector, tuple[str, ...]]]:
    """The inspectors that are files, each with the products whose files it confirms."""
    products = [product for product in definition.products.values() if not product.inspector.is_builtin]
    return [(product.inspector, (product.name,)) for product in products]


def _is_touched(code: Code) -> bool:
    try:
        return bundle_stat(code.path, code.uses) != code.stat
    except OSError:
        return False


def _is_inspector_touched(inspector: Inspector) -> bool:
    try:
        return stat_text(inspector.name) != inspector.stat
    except OSError:
        return False


def _is_edited(edit: InspectorEdit) -> bool:
    return edit.inspector.digest not in ("", edit.digest)


def _look(code: Code, algorithm: str) -> Bundle | None:
    """The files of a code that was touched; None when it was not, or cannot be read."""
    try:
        return read_bundle(code.path, code.uses, algorithm_of(code.digest) or algorithm) if _is_touched(code) else None
    except OSError:
        return None


def _say(edit: Edit, report: Report) -> None:
    code = edit.code
    if edit.is_first:
        report.add(Event.NOTE, code.path, f"its bytes are recorded as those of version {code.version}")
    elif code.on_code_edit is CodeEditPolicy.REFUSE:
        text = f"changed under version {code.version} and is not run; release it: dbproc code release, or accept it"
        report.add(Event.PROBLEM, code.path, f"{text}: dbproc code accept")
    elif code.on_code_edit is CodeEditPolicy.ACCEPT:
        report.add(Event.NOTE, code.path, f"changed under version {code.version}; accepted by the mission's policy")
    else:
        text = f"changed under version {code.version}; it counts as the next revision, what it made is rebuilt"
        report.add(Event.NOTE, code.path, text)


def _say_inspector(edit: InspectorEdit, policy: CodeEditPolicy, report: Report) -> None:
    products = ", ".join(edit.products)
    if policy is CodeEditPolicy.REFUSE:
        text = (
            f"the inspector of {products} changed, and nothing is ingested; accept it: dbproc code accept --inspector"
        )
        report.add(Event.PROBLEM, edit.inspector.name, f"{text} {edit.products[0]}")
    else:
        how = "it counts as the next revision" if policy is CodeEditPolicy.BUMP else "accepted by the mission's policy"
        report.add(Event.NOTE, edit.inspector.name, f"the inspector of {products} changed; {how}")
