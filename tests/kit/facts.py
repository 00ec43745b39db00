"""Frozen facts that several tests of pure decisions need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dbproc.check.tree import Ground
from dbproc.core.model import CodeEditPolicy, Mission
from dbproc.database.audit import ProductPlace

MISSION = Mission(
    mission_id=1,
    name="test",
    root="/m",
    incoming="/m/incoming",
    quarantine="/m/quarantine",
    code_directory="/m/codes",
    inspector_directory="/m/inspectors",
    settle_seconds=0,
    on_code_edit=CodeEditPolicy.BUMP,
    digest="sha256",
    retry_seconds=300,
    retry_limit=8,
)


def mission_in(root: Path) -> Mission:
    """The mission, with all its directories in `root`."""
    return replace(
        MISSION,
        root=str(root),
        incoming=str(root / "incoming"),
        quarantine=str(root / "quarantine"),
        code_directory=str(root / "codes"),
        inspector_directory=str(root / "codes"),
    )


def ground_of(root: Path, *directories: str, in_use: tuple[str, ...] = ()) -> Ground:
    """The ground of a mission whose products p0, p1, … have these directories."""
    places = [ProductPlace(f"p{number}", text, "p_{Y}{m}{d}.txt") for number, text in enumerate(directories)]
    return Ground(mission_in(root), places, in_use, str(root / "mission.sqlite"))
