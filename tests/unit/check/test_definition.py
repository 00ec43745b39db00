"""Faults of the directories that a definition names."""

from __future__ import annotations

from pathlib import Path

from dbproc.check.definition import directory_faults
from dbproc.check.faults import Kind
from dbproc.core.model import Definition
from tests.kit.facts import mission_in


def definition_in(root: Path) -> Definition:
    return Definition(mission=mission_in(root), products={}, processes={}, codes={})


def test_directories_that_cannot_be_written_to_are_named(forbidden: Path) -> None:
    found = {(fault.kind, fault.place) for fault in directory_faults(definition_in(forbidden), has_quarantined=False)}
    assert found == {(Kind.DIRECTORY_READ_ONLY, str(path)) for path in (forbidden, forbidden / "incoming")}


def test_a_quarantine_directory_is_missed_only_when_something_should_be_in_it(forbidden: Path) -> None:
    found = {(fault.kind, fault.place) for fault in directory_faults(definition_in(forbidden), has_quarantined=True)}
    assert (Kind.DIRECTORY_MISSING, str(forbidden / "quarantine")) in found
