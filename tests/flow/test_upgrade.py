"""A mission that an older dbproc made: it is upgraded, decides as before, and goes on.

``upgrade/0005.json`` is such a mission of schema 0005: the rows of its database and its files; what was delivered
later, and what the older dbproc had after the run that followed.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Column, Connection, Date, insert, text

from dbproc.database import schema
from dbproc.database.store import Store, migrations_directory
from tests.kit.mission import Mission

OLD = Path(__file__).parent / "upgrade" / "0005.json"


@pytest.fixture
def old(mission: Mission) -> dict[str, Any]:
    """The older mission, where `mission` is."""
    found: dict[str, Any] = json.loads(OLD.read_text().replace("ROOT", str(mission.root)))
    for name, content in found["files"].items():
        path = mission.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755 if path.suffix == ".sh" else 0o644)
    config = Config()
    config.set_main_option("script_location", str(migrations_directory()))
    with Store(mission.database) as store, store.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        for name, rows in found["tables"].items():
            _fill(connection, name, rows)
    mission.dbproc("upgrade")
    return found


def _fill(connection: Connection, name: str, rows: list[dict[str, Any]]) -> None:
    table = schema.METADATA.tables[name]
    (number, *others) = table.primary_key.columns
    for row in rows:
        values = {key: _of_column(table.c[key], value) for key, value in row.items()}
        connection.execute(insert(table).values(values))
    if connection.dialect.name == "postgresql" and not others and number.name.endswith("_id"):
        highest = f"(SELECT max({number.name}) FROM {name})"
        connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', '{number.name}'), {highest})"))


def _of_column(column: Column[Any], value: Any) -> Any:
    if isinstance(value, str) and isinstance(column.type, Date):
        return dt.date.fromisoformat(value)
    if isinstance(value, str) and isinstance(column.type, schema.UtcTime):
        return dt.datetime.fromisoformat(value)
    return value


def files(mission: Mission) -> dict[str, list[Any]]:
    return {
        name: [each.product, each.date, each.keywords, sorted(each.inputs), each.path.read_text()]
        for name, each in mission.files().items()
    }


@pytest.mark.both_databases
def test_an_upgraded_mission_has_nothing_to_do_and_goes_on_as_before(mission: Mission, old: dict[str, Any]) -> None:
    before = files(mission)
    assert before.keys() == old["then"].keys() & before.keys()
    assert json.loads(mission.dbproc("plan", "--json").out)["tasks"] == []
    mission.run()
    assert files(mission) == before
    mission.deliver(*old["later"])
    mission.run()
    assert files(mission) == old["then"]
    mission.run()
    assert files(mission) == old["then"]


def test_everything_of_an_upgraded_mission_is_as_it_would_be_made_now(mission: Mission, old: dict[str, Any]) -> None:
    before = files(mission)
    mission.execute("INSERT INTO processqueue (file_id, queued_time) SELECT file_id, file_create_date FROM file")
    mission.run()
    assert files(mission) == before


def test_the_definition_of_an_upgraded_mission_comes_back(mission: Mission, old: dict[str, Any]) -> None:
    exported = mission.root / "exported.toml"
    exported.write_text(mission.dbproc("export").out)
    assert exported.read_text().count('keywords = "merged"') == 1
    assert mission.dbproc("apply", str(exported), "--dry-run").out == "nothing to change\n"
