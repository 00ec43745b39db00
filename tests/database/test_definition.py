"""Applying mission files to a database, on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Column, insert, select, update

from dbproc.changes.apply import carry_out, plan
from dbproc.core.errors import DefinitionError, NotFoundError, UserError
from dbproc.core.places import Recorded
from dbproc.core.spec import Change, Kind
from dbproc.core.version import Version
from dbproc.database import codes as catalogue_codes
from dbproc.database import schema
from dbproc.database.definition.load import load_definition, requeue_inputs
from dbproc.database.definition.places import recorded_places
from dbproc.database.definition.specs import current_definition
from dbproc.database.store import Store, create_database, open_store
from dbproc.mission import export_toml, read_mission_file
from dbproc.storage.bundle import read_bundle
from dbproc.storage.digest import digest_file
from tests.kit.databases import new_database
from tests.kit.mission_files import MISSION, edited, write_mission

NOON = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with open_store(new_database(database)) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mission").mkdir()
    return tmp_path / "mission"


def apply(store: Store, folder: Path, text: str = MISSION, *, dry_run: bool = False) -> list[Change]:
    definition = read_mission_file(write_mission(folder, text))
    return list((plan(store, definition) if dry_run else carry_out(store, definition, None)).changes)


def tables(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All that is in the database."""
    with store.begin() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in schema.METADATA.sorted_tables
        }


def add_file(store: Store, product: str, day: int, version: int = 0, *, exists: bool = True) -> int:
    date = dt.date(2020, 1, day)
    with store.begin() as connection:
        product_id = connection.scalars(
            select(schema.product.c.product_id).where(schema.product.c.product_name == product)
        ).one()
        values = {
            "filename": f"{product}_{date:%Y%m%d}_v1.0.{version}",
            "product_id": product_id,
            "utc_file_date": date,
            "utc_start_time": dt.datetime.combine(date, dt.time(), dt.UTC),
            "utc_stop_time": dt.datetime.combine(date, dt.time.max, dt.UTC),
            "interface_version": 1,
            "quality_version": 0,
            "revision_version": version,
            "data_level": 0,
            "relative_path": product,
            "file_size": 1,
            "shasum": "sha256:00",
            "exists_on_disk": exists,
            "file_create_date": NOON,
        }
        return connection.execute(insert(schema.file).values(**values).returning(schema.file.c.file_id)).scalar_one()


def made_by(store: Store, file_id: int, code: str) -> None:
    """Say that a file was made by the active code of this filename."""
    with store.begin() as connection:
        code_id = connection.scalars(
            select(schema.code.c.code_id).where(schema.code.c.filename == code, schema.code.c.active_code)
        ).one()
        connection.execute(insert(schema.filecodelink).values(resulting_file=file_id, source_code=code_id))


def queue(store: Store) -> dict[int, str]:
    with store.begin() as connection:
        rows = connection.execute(select(schema.processqueue.c.file_id, schema.processqueue.c.reason))
        return {row.file_id: row.reason for row in rows}


def codes(store: Store) -> list[tuple[str, str, bool, bool]]:
    with store.begin() as connection:
        rows = connection.execute(select(schema.code).order_by(schema.code.c.code_id))
        return [
            (
                row.filename,
                f"{row.interface_version}.{row.quality_version}.{row.revision_version}",
                row.active_code,
                row.newest_version,
            )
            for row in rows
        ]


def test_a_database_without_a_mission_says_how_to_define_one(store: Store) -> None:
    with store.begin() as connection:
        assert current_definition(connection) is None
        with pytest.raises(NotFoundError, match=r"dbproc apply MISSION\.toml"):
            load_definition(connection)


def test_what_is_applied_is_what_the_stations_get(store: Store, folder: Path) -> None:
    apply(store, folder)
    with store.begin() as connection:
        definition = load_definition(connection)
    mission = definition.mission
    assert (mission.root, mission.incoming) == (str(folder), str(folder / "incoming"))
    assert (mission.code_directory, mission.settle_seconds) == (str(folder / "codes"), 0)
    names = {product_id: product.name for product_id, product in definition.products.items()}
    week = next(process for process in definition.processes.values() if process.name == "to_week")
    assert names[week.output_product or 0] == "week"
    assert [(names[given.product_id], given.yesterday, given.optional) for given in week.inputs] == [
        ("clean", 1, False)
    ]
    clean = next(process for process in definition.processes.values() if process.name == "to_clean")
    (code,) = definition.codes[clean.process_id]
    assert code.path == str(folder / "codes" / "clean.sh")
    assert (code.version, code.arguments) == (Version(1, 0, 0), ("--limit", "3"))
    assert code.digest == digest_file(code.path)


def test_shipped_codes_and_inspectors_are_found_where_they_are(store: Store, folder: Path) -> None:
    text = edited(
        MISSION,
        ('"raw/{Y}"', '"raw"\ninspector = "sub/own.py"\ninspector_arguments = { kind = "a b", n = 1 }'),
        ('"week"\nformat', '"week"\ninspector = "netcdf"\nformat'),
        ('file = "week.sh"', 'file = "dbproc:netcdf_to_idx"'),
    )
    apply(store, folder, text)
    assert apply(store, folder, text) == []
    with store.begin() as connection:
        definition = load_definition(connection)
    inspectors = {product.name: product.inspector for product in definition.products.values()}
    assert inspectors["raw"].name == str(folder / "inspectors" / "sub" / "own.py")
    assert (inspectors["raw"].is_builtin, inspectors["raw"].arguments) == (False, {"kind": "a b", "n": "1"})
    assert (inspectors["week"].name, inspectors["week"].is_builtin) == ("netcdf", True)
    shipped = [code for found in definition.codes.values() for code in found if "netcdf_to_idx" in code.path]
    assert Path(shipped[0].path).is_file()


def test_applying_twice_changes_nothing(store: Store, folder: Path) -> None:
    assert apply(store, folder)
    before = tables(store)
    assert apply(store, folder) == []
    assert tables(store) == before


def test_a_dry_run_tells_the_changes_and_makes_none(store: Store, folder: Path) -> None:
    before = tables(store)
    told = apply(store, folder, dry_run=True)
    assert tables(store) == before
    assert apply(store, folder) == told


def test_applying_the_export_changes_nothing(store: Store, folder: Path) -> None:
    text = edited(
        MISSION,
        ('name = "sgp"', 'name = "sgp"\nsatellite = "A"\n[instrument.cam]\nsatellite = "B"\n[mission.x]'),
        ("[mission.x]\nsettle_seconds = 0", ""),
        ('"raw/{Y}"', '"raw"\ninstrument = "cam"\ninspector = { file = "own.py", written = 2020-01-01 }'),
        ('"1.0.0"\narguments', '"1.0.0"\nram = 1.5\ntime_limit_seconds = 60\nfrom = 2000-01-01\narguments'),
        ('["--limit", "3"]', '["two words", "|", "[", ""]'),
        ('inputs = ["raw"]', 'inputs = ["raw"]\nextra_params = ["a|b", "{DATE}"]'),
    )  # fmt: skip
    apply(store, folder, text)
    with store.begin() as connection:
        definition = current_definition(connection)
    assert definition is not None
    exported = export_toml(definition)
    assert apply(store, folder, exported) == []
    assert apply(store, folder, text) == []


def test_a_released_code_replaces_the_old_one_and_the_inputs_are_looked_at_again(store: Store, folder: Path) -> None:
    apply(store, folder)
    old = add_file(store, "raw", 1)
    newest = [add_file(store, "raw", 1, 1), add_file(store, "raw", 2)]
    add_file(store, "raw", 3, exists=False)
    add_file(store, "clean", 1)
    (change,) = apply(store, folder, edited(MISSION, ('"1.0.0"\narguments', '"1.1.0"\narguments')))
    assert change.kind is Kind.RELEASE
    assert codes(store) == [
        ("clean.sh", "1.0.0", False, False),
        ("week.sh", "1.0.0", True, True),
        ("clean.sh", "1.1.0", True, True),
    ]
    assert queue(store) == dict.fromkeys(newest, "code clean.sh 1.1.0 released")
    assert old not in queue(store)


def test_what_is_queued_already_keeps_its_reason(store: Store, folder: Path) -> None:
    apply(store, folder)
    first, second = add_file(store, "raw", 1), add_file(store, "raw", 2)
    with store.begin() as connection:
        connection.execute(
            insert(schema.processqueue).values(file_id=first, reason="new", queued_time=NOON, version_bump=1)
        )
        process_id = connection.scalars(
            select(schema.process.c.process_id).where(schema.process.c.process_name == "to_clean")
        ).one()
        assert requeue_inputs(connection, [process_id], "again") == 1
        assert requeue_inputs(connection, [], "again") == 0
    assert queue(store) == {first: "new", second: "again"}


def test_what_cannot_have_become_stale_is_not_queued(store: Store, folder: Path) -> None:
    apply(store, folder)
    add_file(store, "raw", 1)
    changed = edited(MISSION, ('"1.0.0"\narguments', '"1.0.0"\ncpu = 2\narguments'), ("level = 2", "level = 3"))
    assert {change.kind for change in apply(store, folder, changed)} == {Kind.CHANGE}
    assert queue(store) == {}


def test_a_revision_that_a_run_raised_does_not_disturb_the_mission_file(store: Store, folder: Path) -> None:
    apply(store, folder)
    path = folder / "codes" / "clean.sh"
    with store.begin() as connection:
        codes_in_use = [code for found in load_definition(connection).codes.values() for code in found]
        (edited_code,) = [code for code in codes_in_use if code.path == str(path)]
        catalogue_codes.bump(connection, edited_code.code_id, read_bundle(str(path), ()), "a test")
    assert apply(store, folder) == []
    with pytest.raises(
        DefinitionError, match=r"line 28, process\.to_clean\.code\.version: 1\.0\.1 is the version that"
    ):
        apply(store, folder, edited(MISSION, ('"1.0.0"\narguments', '"1.0.1"\narguments')))
    apply(store, folder, edited(MISSION, ('"1.0.0"\narguments', '"1.0.2"\narguments')))
    assert [version for file, version, active, _ in codes(store) if file == "clean.sh" and active] == ["1.0.2"]


def test_a_refused_change_leaves_everything_as_it_was(store: Store, folder: Path) -> None:
    apply(store, folder)
    before = tables(store)
    with pytest.raises(DefinitionError, match="that changes what the code makes, so raise its version"):
        apply(store, folder, edited(MISSION, ('"--limit", "3"', '"--limit", "4"'), ("level = 2", "level = 3")))
    assert tables(store) == before


WITHOUT_WEEK = (
    MISSION[: MISSION.index("[product.week]")]
    + MISSION[MISSION.index("[process.to_clean]") : MISSION.index("[process.to_week]")]
)


def test_what_is_no_longer_in_the_file_is_deleted_when_nothing_refers_to_it(store: Store, folder: Path) -> None:
    apply(store, folder)
    kinds = [change.kind for change in apply(store, folder, WITHOUT_WEEK)]
    assert kinds == [Kind.DELETE, Kind.DELETE]
    assert [row[0] for row in codes(store)] == ["clean.sh"]
    assert [row[1] for row in tables(store)["product"]] == ["raw", "clean"]
    assert apply(store, folder, WITHOUT_WEEK) == []


def test_what_files_refer_to_is_retired_and_comes_back_as_it_was(store: Store, folder: Path) -> None:
    apply(store, folder)
    made_by(store, add_file(store, "week", 6), "week.sh")
    kinds = [change.kind for change in apply(store, folder, WITHOUT_WEEK)]
    assert kinds == [Kind.RETIRE, Kind.RETIRE]
    assert apply(store, folder, WITHOUT_WEEK) == []
    with store.begin() as connection:
        definition = load_definition(connection)
        held = current_definition(connection)
    assert [product.name for product in definition.products.values()] == ["raw", "clean"]
    assert [process.name for process in definition.processes.values()] == ["to_clean"]
    assert held is not None
    assert "week" not in export_toml(held)
    add_file(store, "clean", 6)
    kinds = [change.kind for change in apply(store, folder)]
    assert kinds == [Kind.RESTORE, Kind.RESTORE]
    assert codes(store) == [("clean.sh", "1.0.0", True, True), ("week.sh", "1.0.0", True, True)]
    assert set(queue(store).values()) == {"code week.sh 1.0.0 added"}
    assert apply(store, folder) == []


def test_processes_may_exchange_their_outputs(store: Store, folder: Path) -> None:
    text = MISSION.replace('"week.sh"', '"clean.sh"').replace('{ product = "clean", yesterday = 1 }', '"raw"')
    apply(store, folder, text)
    swapped = (
        text.replace('output = "clean"', 'output = "x"')
        .replace('output = "week"', 'output = "clean"')
        .replace('output = "x"', 'output = "week"')
    )
    assert len(apply(store, folder, swapped)) == 2
    assert apply(store, folder, swapped) == []


def test_a_process_is_renamed_and_keeps_its_history(store: Store, folder: Path) -> None:
    apply(store, folder)
    made_by(store, add_file(store, "clean", 1), "clean.sh")
    ids = [row[0] for row in tables(store)["process"]]
    (change,) = apply(store, folder, MISSION.replace("to_clean", "cleaning"))
    assert change.details == ("name to_clean → cleaning",)
    assert [(row[0], row[1]) for row in tables(store)["process"]] == list(
        zip(ids, ["cleaning", "to_week"], strict=True)
    )


def test_instruments_without_products_do_not_stay(store: Store, folder: Path) -> None:
    apply(store, folder)
    apply(store, folder, edited(MISSION, ('name = "sgp"', 'name = "sgp"\ninstrument = "met"\nsatellite = "S"')))
    assert [row[1] for row in tables(store)["instrument"]] == ["met"]
    assert [row[1] for row in tables(store)["satellite"]] == ["S"]


def test_a_mission_file_of_another_mission_is_refused(store: Store, folder: Path) -> None:
    apply(store, folder)
    with pytest.raises(DefinitionError, match=r"line 3, mission\.name: this database holds the mission 'sgp'"):
        apply(store, folder, edited(MISSION, ('"sgp"', '"nsa"')))


INI = """\
[mission]
mission_name = old
rootdir = .
incoming_dir = incoming
[satellite]
satellite_name = {MISSION}-a
[instrument]
instrument_name = mag
[product_raw]
product_name = {INSTRUMENT}_raw
relative_path = raw
level = 0
format = {PRODUCT}_{Y}{m}{d}.raw
inspector_filename = one.py
inspector_relative_path = .
inspector_arguments = kind={PRODUCT}
"""

SECOND_INI = """\
[mission]
mission_name = old
rootdir = .
incoming_dir = incoming
[satellite]
satellite_name = {MISSION}-b
[instrument]
instrument_name = mag
[product_made]
product_name = made
relative_path = made
level = 1
format = made_{Y}{m}{d}_v{VERSION}
inspector_filename = one.py
inspector_relative_path = .
[process_make]
process_name = make
output_product = product_made
output_timebase = DAILY
extra_params = -a|b c
required_input1 = ("mag_raw", 1, 0)
code_filename = make.sh
code_relative_path = .
code_version = 1.0.0
code_arguments = -c {CODEVERSION}
"""


class TestConfigurationFilesOfDbprocessing:
    @pytest.fixture(autouse=True)
    def _files(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)
        (folder / "one.py").write_text("")
        (folder / "make.sh").write_text("#!/bin/sh\n")
        (folder / "make.sh").chmod(0o755)
        (folder / "one.conf").write_text(INI)
        (folder / "two.conf").write_text(SECOND_INI)

    @staticmethod
    def apply(store: Store, name: str) -> list[Change]:
        return list(carry_out(store, read_mission_file(name), None).changes)

    def test_products_and_processes_get_other_names(self, store: Store, folder: Path) -> None:
        self.apply(store, "one.conf")
        self.apply(store, "two.conf")
        name = "product_name = {INSTRUMENT}_counts\nrenamed_from = mag_raw"
        (folder / "one.conf").write_text(INI.replace("product_name = {INSTRUMENT}_raw", name))
        second = SECOND_INI.replace("process_name = make", "process_name = build\nrenamed_from = make")
        (folder / "two.conf").write_text(second.replace('"mag_raw"', '"mag_counts"'))
        (change,) = self.apply(store, "one.conf")
        assert change.details[0] == "name mag_raw → mag_counts"
        assert [change.details for change in self.apply(store, "two.conf")] == [("name make → build",)]
        assert self.apply(store, "one.conf") == self.apply(store, "two.conf") == []
        with store.begin() as connection:
            definition = load_definition(connection)
        assert {product.name for product in definition.products.values()} == {"mag_counts", "made"}
        assert [process.name for process in definition.processes.values()] == ["build"]

    def test_several_describe_one_mission(self, store: Store) -> None:
        self.apply(store, "one.conf")
        self.apply(store, "two.conf")
        assert self.apply(store, "one.conf") == self.apply(store, "two.conf") == []
        with store.begin() as connection:
            definition = load_definition(connection)
        products = {product.name: product for product in definition.products.values()}
        assert {name: product.satellite for name, product in products.items()} == {"mag_raw": "old-a", "made": "old-b"}
        (process,) = definition.processes.values()
        assert process.inputs[0].product_id == products["mag_raw"].product_id
        assert process.extra_params == ("-a", "b c")

    def test_a_product_that_is_neither_in_the_file_nor_in_the_database_is_named(self, store: Store) -> None:
        with pytest.raises(
            DefinitionError, match=r"two\.conf.*\n  line 21, \[process_make\] required_input1: there is no"
        ):
            self.apply(store, "two.conf")

    def test_their_texts_stand_in_the_database_as_dbprocessing_writes_them(self, store: Store) -> None:
        self.apply(store, "one.conf")
        self.apply(store, "two.conf")
        with store.begin() as connection:
            process = connection.execute(select(schema.process)).one()
            code = connection.execute(select(schema.code)).one()
            inspectors = connection.execute(select(schema.inspector)).all()
        assert (process.extra_params, code.arguments) == ("-a|b c", "-c {CODEVERSION}")
        assert [(row.filename, row.relative_path, row.arguments) for row in inspectors] == [
            ("one.py", ".", "kind=mag_raw"),
            ("one.py", ".", None),
        ]

    def test_their_export_is_a_toml_file_that_changes_nothing(self, store: Store, folder: Path) -> None:
        self.apply(store, "one.conf")
        self.apply(store, "two.conf")
        with store.begin() as connection:
            definition = current_definition(connection)
        assert definition is not None
        (folder / "all.toml").write_text(export_toml(definition))
        assert self.apply(store, "all.toml") == []


def test_a_database_in_incoming_is_refused(folder: Path) -> None:
    (folder / "incoming").mkdir()
    place = folder / "incoming" / "db.sqlite"
    create_database(str(place))
    with open_store(str(place)) as store, pytest.raises(DefinitionError) as caught:
        apply(store, folder)
    (problem,) = caught.value.problems
    assert f"the database {place} is in the incoming directory" in problem


class TestBytesOfCodes:
    """They are kept before the transaction that records them."""

    RAISED = edited(MISSION, ('"1.0.0"\narguments', '"1.1.0"\narguments'))

    def test_others_can_write_while_they_are_copied(
        self, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        database = tmp_path / "mission.sqlite"
        create_database(str(database))
        with open_store(str(database)) as store:
            apply(store, folder)
            program = folder / "codes" / "clean.sh"
            program.write_text("#!/bin/sh\n# another\n")
            script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0, isolation_level=None).execute(sys.argv[2])"
            written: list[int] = []

            def held(wanted: Callable[..., object], *arguments: object) -> object:
                word = "UPDATE mission SET root_marked = root_marked"
                written.append(subprocess.run([sys.executable, "-c", script, database, word], check=False).returncode)
                return wanted(*arguments)

            for module, name in ((shutil, "copy2"), (os, "fsync")):
                monkeypatch.setattr(module, name, partial(held, getattr(module, name)))
            (change,) = apply(store, folder, self.RAISED)
        assert change.kind is Kind.RELEASE
        assert written
        assert set(written) == {0}

    def test_what_somebody_else_changed_meanwhile_is_not_overwritten(
        self, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply(store, folder)
        (folder / "codes" / "clean.sh").write_text("#!/bin/sh\n# another\n")
        before = kept(folder)

        def bumped(*arguments: str) -> object:
            monkeypatch.undo()
            found = next(number for number, code in enumerate(codes(store), start=1) if code[0] == "week.sh")
            with store.begin() as connection:
                catalogue_codes.bump(connection, found, read_bundle(str(folder / "codes" / "week.sh"), ()), "a test")
            return shutil.copy2(*arguments)

        monkeypatch.setattr(shutil, "copy2", bumped)
        with pytest.raises(UserError, match="was changed by somebody else in this moment; nothing was changed, try"):
            apply(store, folder, self.RAISED)
        assert [version for file, version, active, _ in codes(store) if file == "clean.sh" and active] == ["1.0.0"]
        (copy,) = kept(folder) - before
        number = os.stat(copy).st_ino
        apply(store, folder, self.RAISED)
        assert [version for file, version, active, _ in codes(store) if file == "clean.sh" and active] == ["1.1.0"]
        assert kept(folder) - before == {copy}
        assert os.stat(copy).st_ino == number


def kept(folder: Path) -> set[Path]:
    """The copies of codes."""
    return set((folder / ".dbproc" / "codes").glob("*/*"))


PLACES = """
[store.a]
url = "file:///stores/a"

[store.b]
url = "file:///stores/b"

[source.web]
url = "https://example.org"

[area.users]
directory = "/srv/users"
"""


def add_copies(store: Store, file_id: int, **members: str) -> None:
    """Copies of an offloaded file and its members: the stores of each; in capitals, they are corrupt."""
    with store.begin() as connection:
        connection.execute(update(schema.file).where(schema.file.c.file_id == file_id).values(offloaded_time=NOON))
        for member, stores in members.items():
            for each in stores:
                path = {"store": each.lower(), "path": f"{file_id}{member}", "member": member.strip("_")}
                state = "verified" if each.islower() else "corrupt"
                row = {"file_id": file_id, "state": state, "found_time": NOON, **path}
                connection.execute(insert(schema.replica).values(row))


def add_transfer(store: Store, origin: str, target: str, state: str) -> None:
    places = {"origin_place": origin, "origin_path": "f", "origin_url": "", "target_place": target, "target_path": "f"}
    row = {"task": "fetch", "rule": origin, "filename": "f", "target_url": "", "user": "me", "asked_time": NOON}
    with store.begin() as connection:
        connection.execute(insert(schema.transfer).values(**places, **row, state=state, state_time=NOON))


def test_what_is_recorded_of_places_is_known_when_a_mission_file_lacks_them(store: Store, folder: Path) -> None:
    apply(store, folder, MISSION + PLACES)
    add_copies(store, add_file(store, "raw", 1), _="ab")
    add_copies(store, add_file(store, "raw", 2), _="ab", m1="ab", m2="Ab")
    add_transfer(store, "source web", "incoming", "moving")
    add_transfer(store, "store a", "root", "cancelled")
    with store.begin() as connection:
        stage = {"area": "users", "owner": "me", "directory": ".", "link": "copy", "asked_time": NOON, "user": "me"}
        number = connection.scalars(insert(schema.stage).values(stage).returning(schema.stage.c.stage_id)).one()
        for name, state in (("x", "placed"), ("y", "removed")):
            spots = {"origin_place": "root", "origin_path": name, "target_path": name}
            connection.execute(insert(schema.stagefile).values(stage_id=number, state=state, **spots))
    with store.begin() as connection:
        held = recorded_places(connection)
    assert held == Recorded(
        transfers={"source web": 1, "incoming": 1},
        copies={"a": 4, "b": 4},
        kept_in={frozenset("ab"): 1, frozenset("b"): 1},
        placed={"users": 1},
    )
    before = tables(store)
    with pytest.raises(DefinitionError) as caught:
        apply(store, folder)
    assert [problem.partition(" is not")[0] for problem in caught.value.problems] == [
        "the source 'web'",
        "the store 'a'",
        "the store 'b'",
        "the area 'users'",
    ]
    assert tables(store) == before
    text = (MISSION + PLACES).replace('[store.a]\nurl = "file:///stores/a"\n', "")
    (change,) = apply(store, folder, text)
    assert change.details[-1].startswith("4 copies recorded in store a count no more")


def test_what_is_recorded_of_places_goes_along_with_their_new_names(store: Store, folder: Path) -> None:
    apply(store, folder, MISSION + PLACES)
    add_copies(store, add_file(store, "raw", 1), _="ab")
    add_transfer(store, "source web", "incoming", "waiting")
    add_transfer(store, "store a", "area users", "verified")
    with store.begin() as connection:
        connection.execute(insert(schema.remotelook).values(source="web", look_time=NOON))
        connection.execute(insert(schema.remotelook).values(source="net", look_time=NOON))
        connection.execute(insert(schema.remotefile).values(source="web", path="f"))
    apply(store, folder, (MISSION + PLACES).replace("web", "net").replace("[store.a]", "[store.c]"))
    transfer = schema.transfer.c
    assert set(column(store, schema.replica.c.store)) == {"b", "c"}
    assert column(store, transfer.rule) == ["source net", "store a"]
    assert column(store, transfer.origin_place) == ["source net", "store c"]
    assert column(store, schema.remotelook.c.source) == column(store, schema.remotefile.c.source) == ["net"]
    apply(store, folder, (MISSION + PLACES).replace("web", "net").replace("[area.users]", "[area.people]"))
    assert column(store, transfer.target_place) == ["incoming", "area people"]
    assert set(column(store, schema.replica.c.store)) == {"a", "b"}


def column(store: Store, wanted: Column[str]) -> list[str]:
    with store.begin() as connection:
        return list(connection.scalars(select(wanted).order_by(*wanted.table.primary_key)))
