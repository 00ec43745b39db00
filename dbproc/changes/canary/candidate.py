"""Check a candidate for the next version of a code, and put it into the definition as if released."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dbproc.changes.release import code_changes, unreleased, with_process
from dbproc.core import lookup
from dbproc.core.bundle import Bundle
from dbproc.core.errors import UserError
from dbproc.core.model import Code, Definition, Process
from dbproc.core.spec import SHIPPED, Change, CodeSpec, Holdings
from dbproc.core.version import Version
from dbproc.mission.codes import as_model
from dbproc.run.jobs import code_obstacle
from dbproc.storage.bundle import read_bundle
from dbproc.storage.digest import algorithm_of
from dbproc.system.package import code_path


@dataclass(frozen=True, slots=True)
class Proposal:
    """A requested candidate; `file` and `output_interface` default to the present code's."""

    version: Version
    file: str | None = None
    output_interface: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A code that could replace `old`; `definition` is the mission as if it had.

    `changes` are those of its release, valid while the database is as `seen`.
    """

    process: Process
    old: Code
    code: Code
    spec: CodeSpec
    bundle: Bundle
    definition: Definition
    changes: Sequence[Change]
    seen: Holdings


def replaceable(definition: Definition, name: str) -> Process:
    """The process with this name or number, if it has outputs and an active code.

    Raises
    ------
    UserError
        There is none; the message says what is possible.
    """
    found = lookup.process_named(definition, name)
    if not found.outputs:
        raise UserError(
            f"process {found.name} ({found.timebase}) makes no files that could be compared; name another one"
        )
    if not definition.codes.get(found.process_id):
        raise UserError(
            f"process {found.name} has no active code that could be replaced; see: dbproc code list {found.name}"
        )
    return found


def candidate(holdings: Holdings, definition: Definition, process: Process, old: Code, proposal: Proposal) -> Candidate:
    """Check a request against the database.

    Raises
    ------
    UserError
        It could not be released, or cannot be run.
    """
    if proposal.version <= old.version:
        text = (
            f"version {proposal.version} is not above {old.version}, the present version of the code of {process.name}"
        )
        raise UserError(f"{text}; give a higher one")
    present = _spec_of(holdings, process, old)
    directory = definition.mission.code_directory
    file = present.file if proposal.file is None else _place_of(proposal.file, directory)
    interface = present.output_interface if proposal.output_interface is None else proposal.output_interface
    if interface < present.output_interface:
        raise UserError(
            f"output interface {interface} is below the present one, {present.output_interface}; give a higher one"
        )
    spec = replace(present, file=file, version=proposal.version, output_interface=interface)
    changes = _changes_of(holdings, process.name, old.code_id, spec)
    path = code_path(directory, spec.file, spec.version)
    obstacle = code_obstacle(path, definition.mission.path)
    if obstacle is not None:
        raise UserError(obstacle)
    bundle = _bundle(path, spec.uses, definition.mission.digest)
    changed = as_model(definition, holdings, changes)
    code = next(each for each in changed.codes[process.process_id] if each.code_id < 0)
    return Candidate(process, old, code, spec, bundle, changed, changes, holdings)


def _changes_of(holdings: Holdings, process: str, old_code: int, spec: CodeSpec) -> list[Change]:
    """The changes of releasing `spec` in place of a code.

    Raises
    ------
    DefinitionError
        It cannot be released.
    """
    present = holdings.definition
    assert present is not None
    owner = present.processes[process]
    codes = tuple(unreleased(spec) if code.code_id == old_code else code for code in owner.codes)
    wanted = with_process(present, replace(owner, codes=codes), source=f"code {spec.file} {spec.version}")
    return code_changes(holdings, wanted, process)


def require_same_bytes(path: str, uses: Sequence[str], digest: str) -> None:
    """Raise when a candidate is not the code that built the sample.

    Raises
    ------
    UserError
        Its bytes changed, or it is gone.
    """
    if _bundle(path, uses, algorithm_of(digest)).digest != digest:
        raise UserError(
            f"{path} is not what the sample was built with: its bytes have changed; start another canary, "
            "or put the old bytes back"
        )


def _bundle(path: str, uses: Sequence[str], algorithm: str) -> Bundle:
    try:
        return read_bundle(path, uses, algorithm)
    except OSError as error:
        raise UserError(f"the code {path} cannot be read: {error.strerror or error}") from error


def _spec_of(holdings: Holdings, process: Process, code: Code) -> CodeSpec:
    present = holdings.definition
    assert present is not None
    return next(each for each in present.processes[process.name].codes if each.code_id == code.code_id)


def _place_of(file: str, directory: str) -> str:
    """A file as a mission file names it: relative to the codes directory, or absolute."""
    if file.startswith(SHIPPED):
        return file
    given = os.path.expanduser(file)
    inside = os.path.join(directory, given)
    path = os.path.normpath(inside if os.path.exists(inside) else os.path.abspath(given))
    relative = os.path.relpath(path, directory)
    return path if relative.startswith("..") else relative
