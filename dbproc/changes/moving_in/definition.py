"""The rows of a definition with the numbers that it had in dbprocessing, and the bytes of its codes."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbproc.core.bundle import Bundle
from dbproc.core.filenames import keywords_of, keywords_text
from dbproc.core.keys import column_values
from dbproc.core.spec import MissionSpec
from dbproc.database.definition.rows import version_columns
from dbproc.mission import paths
from dbproc.mission.dbprocessing import OldInspector, OldMission
from dbproc.mission.on_disk import place_of
from dbproc.storage import permissions
from dbproc.storage.bundle import keep, read_bundle

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Bytes:
    """The bytes of codes and inspectors by their numbers, as far as they can be read."""

    codes: Mapping[int, Bundle]
    inspectors: Mapping[int, Bundle]


def read_bytes(found: OldMission, *, kept: bool) -> Bytes:
    """The bytes of what is in use; with `kept` those of codes are kept, so that one can return to them."""
    mission = found.mission
    with permissions.as_given(int(mission.umask, 8), mission.group or None, mission.root):
        codes = {
            number: bundle
            for number, code in found.codes.items()
            if code.spec.active and (bundle := _code(found, number, kept=kept)) is not None
        }
    inspectors = {
        number: read_bundle(_inspector_place(mission, each), (), mission.digest)
        for number, each in found.inspectors.items()
        if each.is_active
    }
    return Bytes(codes, inspectors)


def _code(found: OldMission, number: int, *, kept: bool) -> Bundle | None:
    path = place_of(found.codes[number].spec, found.mission)
    bundle = read_bundle(path, found.codes[number].spec.uses, found.mission.digest)
    if kept:
        keep(path, bundle, paths.kept_codes(found.mission))
    return bundle


def _inspector_place(mission: MissionSpec, inspector: OldInspector) -> str:
    return os.path.join(paths.resolved(mission, mission.inspectors), inspector.spec.file)


def definition_rows(found: OldMission, taken: Bytes) -> Rows:
    """The rows by table."""
    number = found.mission_id
    codes = [_code_row(found, code_id, taken.codes.get(code_id)) for code_id in found.codes]
    return {
        "mission": [{"mission_id": number, **column_values(found.mission), "identity": uuid.uuid4().hex}],
        "satellite": [
            {"satellite_id": key, "satellite_name": name, "mission_id": number}
            for key, name in found.satellites.items()
        ],
        "instrument": [
            {"instrument_id": key, "instrument_name": name, "satellite_id": satellite}
            for key, (name, satellite) in found.instruments.items()
        ],
        "product": [
            {"product_id": key, **column_values(spec), "instrument_id": found.instrument_of[key]}
            for key, spec in found.products.items()
        ],
        "inspector": [_inspector_row(key, each, taken.inspectors.get(key)) for key, each in found.inspectors.items()],
        "process": _process_rows(found),
        "productprocesslink": _link_rows(found),
        "code": codes,
        "codefile": [
            {"code_id": code_id, "path": part.path, "file_size": part.size, "shasum": part.digest}
            for code_id, bundle in taken.codes.items()
            for part in bundle.parts
        ],
    }


def _inspector_row(number: int, each: OldInspector, bundle: Bundle | None) -> dict[str, Any]:
    directory, filename = each.spec.place
    is_as_read = keywords_of(each.arguments) == dict(each.spec.arguments)
    return {
        "inspector_id": number,
        **column_values(each.spec),
        **version_columns(each.spec.version),
        "product": each.product_id,
        "filename": filename,
        "relative_path": directory,
        "arguments": each.arguments if is_as_read else keywords_text(each.spec.arguments) or None,
        "active_code": each.is_active,
        "newest_version": each.is_newest,
        "shasum": bundle.digest if bundle else None,
        "stat": bundle.stat if bundle else None,
    }


def _process_rows(found: OldMission) -> list[dict[str, Any]]:
    numbers = {spec.name: number for number, spec in found.products.items()}
    return [
        {
            "process_id": number,
            **column_values(spec),
            "output_product": numbers[spec.output] if spec.output else None,
        }
        for number, spec in found.processes.items()
    ]


def _link_rows(found: OldMission) -> list[dict[str, Any]]:
    numbers = {spec.name: number for number, spec in found.products.items()}
    return [
        {
            "process_id": number,
            "input_product_id": numbers[given.product],
            "position": position,
            "choice": None,
            **column_values(given),
        }
        for number, spec in found.processes.items()
        for position, given in enumerate(spec.inputs)
    ]


def _code_row(found: OldMission, number: int, bundle: Bundle | None) -> dict[str, Any]:
    code = found.codes[number]
    directory, filename = code.spec.place
    return {
        "code_id": number,
        "process_id": code.process_id,
        "newest_version": code.is_current,
        "release_time": None,
        "kept": False,
        **column_values(code.spec),
        "filename": filename,
        "relative_path": directory,
        **version_columns(code.spec.used),
        "shasum": bundle.digest if bundle else None,
        "stat": bundle.stat if bundle else None,
    }
