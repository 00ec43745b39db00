"""Noticing codes whose bytes changed under an unchanged version, and doing what the mission's policy says."""

from __future__ import annotations

from dataclasses import dataclass

from dbproc.catalogue import attempts, edits
from dbproc.catalogue.definition import load_definition, requeue_inputs
from dbproc.digest import algorithm_of, digest_file, stat_text
from dbproc.model import Code, CodeEditPolicy, Definition
from dbproc.report import Event, Report
from dbproc.store import Store


@dataclass(frozen=True, slots=True)
class Edit:
    """A code whose bytes are not those that were recorded."""

    code: Code
    digest: str
    stat: str


def find_edits(definition: Definition) -> tuple[list[Edit], list[Edit]]:
    """The edited codes, and those whose file was touched without a change; only touched files are read."""
    edited: list[Edit] = []
    touched: list[Edit] = []
    for codes in definition.codes.values():
        for code in codes:
            now = _look(code, definition.mission.digest)
            if now is not None:
                (touched if now[0] == code.digest else edited).append(Edit(code, *now))
    return edited, touched


def edits_in_words(definition: Definition) -> list[dict[str, str]]:
    """The edited codes and what the next run will do about them, for people."""
    consequences = {
        CodeEditPolicy.BUMP: "counts as the next revision; the next run rebuilds what it made",
        CodeEditPolicy.REFUSE: "not run until it is released with a higher version",
        CodeEditPolicy.ACCEPT: "accepted by the mission's policy",
    }
    consequence = consequences[definition.mission.on_code_edit]
    return [
        {"code": edit.code.path, "version": str(edit.code.version), "consequence": consequence}
        for edit in find_edits(definition)[0]
    ]


def settle_edits(store: Store, definition: Definition, report: Report) -> tuple[Definition, frozenset[int]]:
    """Apply the mission's policy; the definition to go on with, and the processes that must not run."""
    edited, touched = find_edits(definition)
    if not edited and not touched:
        return definition, frozenset()
    policy = definition.mission.on_code_edit
    with store.begin() as connection:
        for edit in touched:
            edits.accept(connection, edit.code.code_id, edit.digest, edit.stat)
        for edit in edited:
            if policy is CodeEditPolicy.ACCEPT or not edit.code.digest:
                edits.accept(connection, edit.code.code_id, edit.digest, edit.stat)
                attempts.arm(connection, [edit.code.process_id], None)
            elif policy is CodeEditPolicy.BUMP:
                edits.bump(connection, edit.code.code_id, edit.digest, edit.stat)
                requeue_inputs(connection, [edit.code.process_id], f"code {edit.code.path} was edited")
        changed = load_definition(connection)
    for edit in edited:
        _say(edit, policy, report)
    if policy is not CodeEditPolicy.REFUSE:
        return changed, frozenset()
    return changed, frozenset(edit.code.process_id for edit in edited if edit.code.digest)


def _look(code: Code, algorithm: str) -> tuple[str, str] | None:
    """Digest and stat of a code whose stat changed; None when it did not, or there is no such file."""
    try:
        now = stat_text(code.path)
        return None if now == code.stat else (digest_file(code.path, algorithm_of(code.digest) or algorithm), now)
    except OSError:
        return None


def _say(edit: Edit, policy: CodeEditPolicy, report: Report) -> None:
    code = edit.code
    if policy is CodeEditPolicy.REFUSE and code.digest:
        text = (
            f"changed under version {code.version} and is not run; release it with a higher version in the mission file"
        )
        report.add(Event.PROBLEM, code.path, text)
    elif policy is CodeEditPolicy.ACCEPT or not code.digest:
        report.add(Event.NOTE, code.path, f"changed under version {code.version}; accepted by the mission's policy")
    else:
        text = f"changed under version {code.version}; it counts as the next revision, what it made is rebuilt"
        report.add(Event.NOTE, code.path, text)
