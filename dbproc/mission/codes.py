"""Model codes of a definition that are not in the database yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dbproc.core import model
from dbproc.core.bundle import kept_path
from dbproc.core.lookup import process_named
from dbproc.core.spec import Change, CodeSpec, Holdings
from dbproc.database.definition.load import fields_of_code
from dbproc.storage.bundle import read_bundle
from dbproc.system.package import code_path


def as_model(definition: model.Definition, holdings: Holdings, changes: Sequence[Change]) -> model.Definition:
    """The definition as the database will give it once these changes of codes are written.

    Codes that have no row yet are numbered -1, -2, …
    """
    codes = dict(definition.codes)
    for number, change in enumerate(changes, start=1):
        process_id = process_named(definition, change.name).process_id
        present = codes.get(process_id, ())
        old, new = change.old, change.new
        kept = tuple(code for code in present if not isinstance(old, CodeSpec) or code.code_id != old.code_id)
        if isinstance(new, CodeSpec) and new.active:
            kept = (*kept, _code(definition, holdings, change, new, process_id, -number))
        codes[process_id] = kept
    return replace(definition, codes=codes)


def _code(
    definition: model.Definition, holdings: Holdings, change: Change, spec: CodeSpec, process_id: int, number: int
) -> model.Code:
    """A code as it will be loaded, from its own row or a new one."""
    mission = definition.mission
    row = change.old if isinstance(change.old, CodeSpec) and not change.enters_row else None
    path = code_path(mission.code_directory, spec.file, spec.version)
    if spec.kept or (row is not None and row.kept):
        path = kept_path(mission.kept_codes, row.digest if row else spec.digest, path)
    is_read = row is None or row.uses != spec.uses
    code = model.Code(
        code_id=number if row is None or row.code_id is None else row.code_id,
        process_id=process_id,
        path=path,
        digest=_digest(path, spec, mission.digest) if is_read or row is None else row.digest,
        **fields_of_code(spec, mission),
    )
    return replace(code, same_as=_first_alike(holdings, change.name, code))


def _digest(path: str, spec: CodeSpec, algorithm: str) -> str:
    """The digest that will be recorded; none for an unreadable code, which an inactive one may be."""
    try:
        return read_bundle(path, spec.uses, algorithm).digest
    except OSError:
        return ""


def _first_alike(holdings: Holdings, process: str, code: model.Code) -> int:
    """The number of the first code with the same version, bytes and command line; 0 when that is this one."""
    present = holdings.definition.processes[process].codes if holdings.definition else ()
    alike = [
        each.code_id
        for each in (*present, *holdings.retired.get(process, ()))
        if each.code_id is not None
        and each.digest
        and (each.used, each.digest, each.arguments) == (code.version, code.digest, code.arguments)
        and (each.output_interface, each.inputs_by) == (code.output_interface, code.inputs_by)
        and (code.code_id < 0 or each.code_id < code.code_id)
    ]
    return min(alike, default=0)
