"""Frozen facts that several tests of pure decisions need."""

from __future__ import annotations

from dbproc.core.model import CodeEditPolicy, Mission

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
