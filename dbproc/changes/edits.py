"""Find codes and inspectors whose bytes changed under an unchanged version, and apply the policy."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from dbproc.changes.touched import codes_in, inspectors_in, is_inspector_touched, is_touched
from dbproc.core.answers import OPTIONAL
from dbproc.core.bundle import Bundle
from dbproc.core.errors import UnsettledError, UserError
from dbproc.core.events import Event, Report
from dbproc.core.model import Code, CodeEditPolicy, Definition, Inspector
from dbproc.core.states import CodeEvent
from dbproc.database import attempts, codes
from dbproc.database.definition.load import load_definition, requeue_inputs
from dbproc.database.store import Store
from dbproc.storage.bundle import keep, read_bundle
from dbproc.storage.digest import algorithm_of, digest_file, stat_text

_BY_POLICY = "by policy"


@dataclass(frozen=True, slots=True)
class Edit:
    """A code whose bytes, or those of what it uses, differ from the recorded ones."""

    code: Code
    bundle: Bundle

    @property
    def is_first(self) -> bool:
        """Whether no bytes were recorded yet."""
        return not self.code.digest


@dataclass(frozen=True, slots=True)
class InspectorEdit:
    """An inspector whose bytes differ from the recorded ones."""

    inspector: Inspector
    products: tuple[str, ...]
    digest: str
    stat: str


def find_edits(definition: Definition) -> tuple[list[Edit], list[Edit]]:
    """Find edited codes, and those touched without a change; only touched files are read."""
    edited: list[Edit] = []
    touched: list[Edit] = []
    for code in codes_in(definition):
        bundle = None
        with suppress(OSError):
            bundle = _look(code, definition.mission.digest)
        if bundle is not None:
            (touched if bundle.digest == code.digest else edited).append(Edit(code, bundle))
    return edited, touched


def find_inspector_edits(definition: Definition) -> list[InspectorEdit]:
    """Find touched inspectors; their digest tells whether they were edited."""
    found = []
    for inspector, products in inspectors_in(definition):
        if is_inspector_touched(inspector):
            algorithm = algorithm_of(inspector.digest) or definition.mission.digest
            found.append(
                InspectorEdit(inspector, products, digest_file(inspector.name, algorithm), stat_text(inspector.name))
            )
    return found


def unreadable(definition: Definition) -> list[tuple[Code, str]]:
    """The touched codes that cannot be fully read, with the error; missing ones are not included."""
    found = []
    for code in codes_in(definition):
        try:
            _look(code, definition.mission.digest)
        except OSError as error:
            found.append((code, f"cannot read {error.filename}: {error.strerror}"))
    return found


_CONSEQUENCES = {
    CodeEditPolicy.BUMP: "it counts as the next revision; the next run rebuilds what it made",
    CodeEditPolicy.REFUSE: "it is not run until it is released with a higher version, or accepted",
    CodeEditPolicy.ACCEPT: "the next run accepts it, by policy",
}
_CONSEQUENCES_OF_INSPECTORS = {
    CodeEditPolicy.BUMP: "it counts as the next revision; what was ingested stays",
    CodeEditPolicy.REFUSE: "nothing is ingested, nor made of its products, until it is accepted",
    CodeEditPolicy.ACCEPT: "the next run accepts it, by policy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EditInWords:
    """A code or inspector that was edited on disk since the last run."""

    code: str  #: its file
    of: str  #: its process, or the products of an inspector
    changed: str  #: what happened to it
    version: str | None = field(default=None, metadata=OPTIONAL)  #: of a code: the version that it is recorded under
    consequence: str  #: what the next run does about it


def edits_in_words(definition: Definition) -> list[EditInWords]:
    """The edited codes and inspectors and what the next run will do with them, for people."""
    codes = [
        EditInWords(
            code=edit.code.path,
            of=definition.processes[edit.code.process_id].name,
            changed=f"changed under version {edit.code.version}",
            version=str(edit.code.version),
            consequence=_CONSEQUENCES[edit.code.on_code_edit],
        )
        for edit in find_edits(definition)[0]
        if not edit.is_first and edit.code.process_id in definition.processes
    ]
    inspectors = [
        EditInWords(
            code=edit.inspector.name,
            of=", ".join(edit.products),
            changed=f"the inspector of {', '.join(edit.products)} changed",
            consequence=_CONSEQUENCES_OF_INSPECTORS[definition.mission.on_code_edit],
        )
        for edit in find_inspector_edits(definition)
        if _is_edited(edit)
    ]
    return codes + inspectors


@dataclass(frozen=True, slots=True)
class PredictedEdits:
    """The effect of edits on a run: the definition to use, the processes that must not run, and those that get a new
    revision."""

    definition: Definition
    refused: frozenset[int]
    released: frozenset[int]


def predict_edits(store: Store, definition: Definition) -> PredictedEdits:
    """Predict what a run does with edited codes and inspectors by policy; new revisions have negative ids."""
    edited, _ = find_edits(definition)
    unusable = refused_inspectors(definition)
    refused = {code.process_id for code, _ in unreadable(definition)}
    refused |= {each.process_id for each in definition.processes.values() if not unusable.isdisjoint(each.outputs)}
    released: set[int] = set()
    found = dict(definition.codes)
    with store.begin() as connection:
        for number, edit in enumerate(edited, start=1):
            code = replace(edit.code, digest=edit.bundle.digest, stat=edit.bundle.stat)
            if not edit.is_first and code.on_code_edit is CodeEditPolicy.REFUSE:
                refused.add(code.process_id)
                continue
            if not edit.is_first and code.on_code_edit is CodeEditPolicy.BUMP:
                version, same_as = codes.next_bump(connection, code.code_id, code.digest)
                code = replace(code, code_id=-number, version=version, same_as=same_as)
                released.add(code.process_id)
            others = (each for each in found[code.process_id] if each.code_id != edit.code.code_id)
            found[code.process_id] = (*others, code)
    return PredictedEdits(replace(definition, codes=found), frozenset(refused), frozenset(released))


def refused_inspectors(definition: Definition) -> frozenset[int]:
    """The products whose edited inspectors must not be used, by policy."""
    if definition.mission.on_code_edit is not CodeEditPolicy.REFUSE:
        return frozenset()
    return _of_inspectors(definition, [edit for edit in find_inspector_edits(definition) if _is_edited(edit)])


def _of_inspectors(definition: Definition, edits: Iterable[InspectorEdit]) -> frozenset[int]:
    """The products of edited inspectors."""
    names = {name for edit in edits for name in edit.products}
    return frozenset(p.product_id for p in definition.products.values() if p.name in names)


def settle_edits(store: Store, definition: Definition, report: Report) -> tuple[Definition, frozenset[int]]:
    """Apply the policy of each edited code; return the definition to use, and the processes that must not run."""
    edited, touched = find_edits(definition)
    refused = {code.process_id: (code, why) for code, why in unreadable(definition)}
    allowed = []
    for edit in edited:
        if not edit.is_first and edit.code.on_code_edit is CodeEditPolicy.REFUSE:
            refused[edit.code.process_id] = (edit.code, _REFUSED.format(version=edit.code.version))
            continue
        try:
            keep(edit.code.path, edit.bundle, definition.mission.kept_codes)
            allowed.append(edit)
        except UnsettledError as error:
            refused[edit.code.process_id] = (edit.code, f"is not run now: {error}")
    if allowed or touched:
        definition = _settle(store, allowed, touched)
    for edit in allowed:
        report.add(Event.NOTE, edit.code.path, _note(edit))
    for code, why in refused.values():
        report.add(Event.PROBLEM, code.path, why)
    return definition, frozenset(refused)


def _settle(store: Store, allowed: Iterable[Edit], touched: Iterable[Edit]) -> Definition:
    """Record edited codes by policy, and touched ones; return the resulting definition."""
    with store.begin() as connection:
        for edit in touched:
            codes.touch(connection, edit.code.code_id, edit.bundle.stat)
        for edit in allowed:
            process_id = edit.code.process_id
            if edit.is_first:
                codes.enter_bundle(connection, edit.code.code_id, edit.bundle)
                attempts.arm(connection, [process_id])
            elif edit.code.on_code_edit is CodeEditPolicy.ACCEPT:
                codes.accept(connection, edit.code.code_id, edit.bundle, _BY_POLICY)
                attempts.arm(connection, [process_id])
            else:
                codes.bump(connection, edit.code.code_id, edit.bundle, _BY_POLICY)
                requeue_inputs(connection, [process_id], f"code {edit.code.path} was edited")
        return load_definition(connection)


def settle_inspector_edits(store: Store, definition: Definition, report: Report) -> tuple[Definition, frozenset[int]]:
    """Apply the mission's policy to edited inspectors; return the definition to use, and the products to refuse.

    While there is such a product, nothing may be ingested: any file could be of it.
    """
    found = find_inspector_edits(definition)
    policy = definition.mission.on_code_edit
    refused = [edit for edit in found if _is_edited(edit) and policy is CodeEditPolicy.REFUSE]
    with store.begin() as connection:
        for edit in found:
            if edit not in refused:
                event = (
                    (CodeEvent.BUMPED if policy is CodeEditPolicy.BUMP else CodeEvent.ACCEPTED)
                    if _is_edited(edit)
                    else None
                )
                codes.enter_inspector(
                    connection, edit.inspector.inspector_id, edit.digest, edit.stat, event=event, reason=_BY_POLICY
                )
        settled = load_definition(connection)
    for edit in found:
        if _is_edited(edit):
            _say_inspector(edit, policy, report)
    return settled, _of_inspectors(definition, refused)


def accept_edit(store: Store, definition: Definition, process_id: int, reason: str) -> list[Edit]:
    """Accept the edited codes of a process as equal to the recorded ones; return them.

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
        attempts.arm(connection, [process_id])
    return edited


def accept_inspector_edit(store: Store, definition: Definition, product: str, reason: str) -> list[InspectorEdit]:
    """Accept the edited inspector of a product as equal to the recorded one, for all its products; return these.

    Raises
    ------
    UserError
        It was not edited, or is built in.
    """
    edited = [edit for edit in find_inspector_edits(definition) if _is_edited(edit)]
    files = {edit.inspector.name for edit in edited if product in edit.products}
    accepted = [edit for edit in edited if edit.inspector.name in files]
    if not accepted:
        raise UserError(f"the inspector of {product} was not edited since its bytes were recorded: nothing to accept")
    with store.begin() as connection:
        for edit in accepted:
            codes.enter_inspector(
                connection, edit.inspector.inspector_id, edit.digest, edit.stat, event=CodeEvent.ACCEPTED, reason=reason
            )
    return accepted


def _is_edited(edit: InspectorEdit) -> bool:
    return edit.inspector.digest not in ("", edit.digest)


def _look(code: Code, algorithm: str) -> Bundle | None:
    """Read the files of a touched code; None when it is untouched or missing.

    Raises
    ------
    OSError
        One of them cannot be read.
    """
    return read_bundle(code.path, code.uses, algorithm_of(code.digest) or algorithm) if is_touched(code) else None


_REFUSED = (
    "changed under version {version} and is not run; release it: dbproc code release, or accept it: dbproc code accept"
)


def _note(edit: Edit) -> str:
    version = edit.code.version
    if edit.is_first:
        return f"its bytes are recorded as those of version {version}"
    if edit.code.on_code_edit is CodeEditPolicy.ACCEPT:
        return f"changed under version {version}; accepted by policy"
    return f"changed under version {version}; it counts as the next revision, what it made is rebuilt"


def _say_inspector(edit: InspectorEdit, policy: CodeEditPolicy, report: Report) -> None:
    products = ", ".join(edit.products)
    if policy is CodeEditPolicy.REFUSE:
        text = f"the inspector of {products} changed, and is not used; nothing is ingested"
        remedy = f"accept it: dbproc code accept --inspector {edit.products[0]}"
        report.add(Event.PROBLEM, edit.inspector.name, f"{text}; {remedy}")
    else:
        how = "it counts as the next revision" if policy is CodeEditPolicy.BUMP else "accepted by the mission's policy"
        report.add(Event.NOTE, edit.inspector.name, f"the inspector of {products} changed; {how}")
