"""The transfers of a rule worked off: states on both databases, retries, places that are away, what is given up."""

from __future__ import annotations

import datetime as dt
import hashlib
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dbproc.core.model import Mission
from dbproc.core.places import SourceSpec, StoreSpec
from dbproc.core.transfers import Order, Spot, Task, Transfer, TransferState
from dbproc.database import transfers
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store
from dbproc.transfers import line
from dbproc.transfers.work import Worked, work
from tests.kit.mission import Mission as Site
from tests.kit.mission import mission_table

RULE = "source far"
S = TransferState


@pytest.fixture
def site(database: str, tmp_path: Path) -> Iterator[tuple[Store, Mission, Path]]:
    """A mission with a source in a directory `far`."""
    far = tmp_path / "far"
    far.mkdir()
    with Site(tmp_path, database, mission_table()) as made, Store(made.database) as store:
        with store.begin() as connection:
            mission = load_mission(connection)
        source = SourceSpec(name="far", url=f"file://{far}", reserve=0.0)
        away = StoreSpec(name="away", url=f"file://{tmp_path}/away", reserve=0.0)
        yield store, replace(mission, sources=(source,), stores=(away,)), far
