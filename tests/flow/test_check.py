"""`dbproc check` names each kind of damage at its place, changes nothing, and repairs what can be undone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from copy import copy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from dbproc.check.faults import Kind
from dbproc.cli import guarded, main
from dbproc.cli.check import check_command
from dbproc.database import quarantine as quarantine_rows
from tests.kit.mission import Mission, chain, name_of, process, product, wait_for
from tests.kit.postgres import PostgresServer

INSPECTOR = """
from dbproc.products import Facts, Inspector

class Own(Inspector):
    def inspect(self, path, name):
        return Facts()
"""

WRITE_COMPANION = """#!/bin/sh
stem="${2%.idx}"
mkdir -p "$stem/deep"
cp "$1" "$stem/0.bin"; printf more > "$stem/deep/1 x.bin"
printf 'idx of %s' "$(cat "$1")" > "$2"
"""

WAITING = """#!/bin/sh
if [ -p ROOT/gate ]; then : > ROOT/began; read line < ROOT/gate; fi
printf 'clean(%s)' "$(cat "$1")" > "$2"
"""

BLOCKS = [
    product("raw", 0, inspector="own.py"),
    *chain()[1:],
    product("map", 1, "map_{Y}{m}{d}_v{VERSION}.idx", inspector="filename", companion=True),
    product("sour", 1),
    process("to_map", "map", ["raw"]),
    process("to_sour", "sour", ["raw"]),
    process("notify", None, ["smooth"], "RUN"),
]

RAW = [name_of("raw", day) for day in (1, 2, 3)]
MAP = "map_20200102_v1.0.0.idx"


class Site:
    """A sound mission that is brought back to its first state for every test."""

    def __init__(self, folder: Path, server: PostgresServer | None) -> None:
        self._folder, self._pristine = folder / "site", folder / "pristine"
        self._server = server
        self._name = server.create() if server else ""
        database = server.url(self._name) if server else str(self._folder / "mission.sqlite")
        self._mission = Mission(self._folder / "mission", database)
        make_sound(self._mission)
        shutil.copytree(self._folder, self._pristine, symlinks=True)
        self._kept = server.create(self._name) if server else ""

    def restored(self) -> Mission:
        """The mission as it was first."""
        shutil.rmtree(self._folder)
        shutil.copytree(self._pristine, self._folder, symlinks=True)
        if self._server:
            self._server.drop(self._name)
            self._server.create(self._kept, self._name)
        return copy(self._mission)

    def dropped(self) -> None:
        """Remove the database of the last test."""
        if self._server:
            self._server.drop(self._name)


def make_sound(mission: Mission) -> None:
    mission.inspector("own.py", INSPECTOR)
    mission.code("to_map.sh", WRITE_COMPANION)
    mission.code("to_sour.sh", "#!/bin/sh\nexit 3\n")
    mission.code("notify.sh", "#!/bin/sh\n")
    mission.create(*BLOCKS, retry_seconds=3600)
    mission.deliver(*RAW)
    mission.run(status=1)
    mission.deliver(name_of("raw", 2, "1.1.0"), content="better")
    mission.deliver("nothing.known")
    mission.run(status=1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    return Site(tmp_path_factory.mktemp("check"), server)


@pytest.fixture
def sound(site: Site) -> Iterator[Mission]:
    yield site.restored()
    site.dropped()


def check(mission: Mission, *arguments: str, status: int | None = None) -> Any:
    """What ``dbproc check --json`` prints."""
    out = StringIO()
    with redirect_stdout(out):
        found = guarded(check_command, ["--json", "-m", mission.database, *arguments], "dbproc check")
    facts = json.loads(out.getvalue())
    assert status is None or found == status, facts
    return facts


def faults(facts: Any) -> set[tuple[str, str]]:
    return {(fault["kind"], fault["place"]) for fault in facts["faults"]}


def home(mission: Mission, name: str) -> Path:
    return mission.root / "data" / name.partition("_")[0] / name


def file_id(name: str) -> str:
    return f"(SELECT file_id FROM file WHERE filename = '{name}')"


def attempt_of(name: str) -> str:
    return f"(SELECT attempt_id FROM attempt WHERE output_filename = '{name}')"


# --- a sound mission ---


def test_a_sound_mission_has_no_fault(sound: Mission) -> None:
    facts = check(sound, "--deep", status=0)
    assert facts["faults"] == []
    assert facts["counts"] == {}
    assert (facts["files"], facts["members"]) == (len(sound.files()), 8)
    assert facts["live"] is None


def test_what_waits_in_the_queue_and_what_failed_is_no_fault(sound: Mission) -> None:
    sound.deliver(name_of("raw", 4), name_of("raw", 1, "1.0.1"), name_of("raw", 1, "1.0.2"))
    assert main(["ingest", "-m", sound.database]) == 0
    assert sound.queued() == 3
    assert faults(check(sound, status=0)) == set()
    assert main(["retry", "-m", sound.database]) == 0
    assert faults(check(sound, status=0)) == set()


def test_what_is_not_of_products_is_no_fault(sound: Mission) -> None:
    for path in ("notes.txt", "data.txt", "elsewhere/raw_20200101.txt", "incoming/.raw.part", "codes/readme"):
        (sound.root / path).parent.mkdir(exist_ok=True)
        (sound.root / path).write_text("mine")
    (sound.root / "data" / "raw" / "empty").mkdir()
    assert faults(check(sound, status=0)) == set()


def test_a_person_reads_one_line_of_facts_and_one_of_remedy(sound: Mission) -> None:
    home(sound, RAW[0]).unlink()
    out = StringIO()
    with redirect_stdout(out):
        assert guarded(check_command, ["-m", sound.database], "dbproc check") == 1
    fault, remedy, summary = out.getvalue().splitlines()
    assert fault.startswith(f"missing {home(sound, RAW[0])}: ")
    assert "--repair" in remedy
    assert summary.startswith("1 missing (")


def test_dry_run_without_repair_is_wrong_usage(sound: Mission) -> None:
    assert guarded(check_command, ["-m", sound.database, "--dry-run"], "dbproc check") == 2


# --- damage ---

Plant = Callable[[Mission], object]
PLANTS: dict[str, tuple[Plant, Kind, tuple[str, ...]]] = {}


def plants(kind: Kind, *places: str) -> Callable[[Plant], Plant]:
    """What the planting function does is found as `kind` at exactly these places; those with a / are below the root."""

    def register(plant: Plant) -> Plant:
        PLANTS[plant.__name__] = (plant, kind, places)
        return plant

    return register


@plants(Kind.MISSING, "data/clean/clean_20200102_v1.0.0.txt")
def a_file_is_gone(mission: Mission) -> None:
    home(mission, name_of("clean", 2)).unlink()


@plants(Kind.MISSING, f"data/map/{MAP}")
def a_file_with_a_companion_directory_is_gone(mission: Mission) -> None:
    home(mission, MAP).unlink()


@plants(Kind.MOVED, "data/clean/clean_20200102_v1.0.0.txt")
def a_file_is_elsewhere_below_the_root(mission: Mission) -> None:
    (mission.root / "attic").mkdir()
    home(mission, name_of("clean", 2)).rename(mission.root / "attic" / name_of("clean", 2))


@plants(Kind.MOVED, f"data/map/{MAP}")
def a_file_is_in_the_directory_of_another_product(mission: Mission) -> None:
    for path in (home(mission, MAP), home(mission, MAP).with_suffix("")):
        path.rename(mission.root / "data" / "raw" / path.name)


@plants(Kind.RETURNED, f"data/raw/{RAW[0]}")
def a_missing_file_is_back(mission: Mission) -> None:
    mission.execute(f"UPDATE file SET exists_on_disk = false WHERE filename = '{RAW[0]}'")


@plants(Kind.TRUNCATED, f"data/raw/{RAW[0]}")
def a_file_is_shorter(mission: Mission) -> None:
    os.truncate(home(mission, RAW[0]), 3)


SUPERSEDED = f".dbproc/withdrawn/sha256-{hashlib.sha256(b'raw_20200102').hexdigest()}-2/{RAW[1]}"


@plants(Kind.KEPT_MISSING, SUPERSEDED)
def the_bytes_of_a_withdrawn_file_are_gone(mission: Mission) -> None:
    mission.dbproc("withdraw", RAW[1], "--reason", "bad")
    (mission.root / SUPERSEDED).unlink()


@plants(Kind.RELEASE_MANIFEST, ".dbproc/releases/2020a.jsonl")
def the_manifest_of_a_release_is_gone(mission: Mission) -> None:
    mission.dbproc("release", "tag", "2020a", "raw")
    (mission.root / ".dbproc/releases/2020a.jsonl").unlink()


@plants(Kind.RELEASE_LOST, f"data/raw/{RAW[0]}")
def a_file_is_recorded_with_other_bytes_than_were_released(mission: Mission) -> None:
    mission.dbproc("release", "tag", "2020a", "raw")
    former = f"SELECT file_id FROM file WHERE filename = '{RAW[0]}'"
    mission.execute(f"UPDATE release SET shasum = 'sha256:another' WHERE file_id = ({former})")


@plants(Kind.GROWN, f"data/raw/{RAW[0]}")
def a_file_is_longer(mission: Mission) -> None:
    with home(mission, RAW[0]).open("a") as stream:
        stream.write("more")


@plants(Kind.CHANGED, f"data/raw/{RAW[0]}")
def a_file_has_other_bytes(mission: Mission) -> None:
    path = home(mission, RAW[0])
    path.write_text(path.read_text()[::-1])


@plants(Kind.LINK, f"data/raw/{RAW[0]}")
def a_file_is_a_link(mission: Mission) -> None:
    path = home(mission, RAW[0])
    path.rename(mission.root / "kept")
    path.symlink_to(mission.root / "kept")


@plants(Kind.NOT_A_FILE, f"data/raw/{RAW[0]}")
def a_file_is_a_fifo(mission: Mission) -> None:
    home(mission, RAW[0]).unlink()
    os.mkfifo(home(mission, RAW[0]))


@plants(Kind.NOT_A_FILE, f"data/raw/{RAW[0]}")
def a_file_is_a_directory(mission: Mission) -> None:
    home(mission, RAW[0]).unlink()
    home(mission, RAW[0]).mkdir()


@plants(Kind.MEMBER_MISSING, "data/map/map_20200102_v1.0.0/deep/1 x.bin")
def a_member_is_gone(mission: Mission) -> None:
    (home(mission, MAP).with_suffix("") / "deep" / "1 x.bin").unlink()


@plants(Kind.MEMBER_MISSING, "data/map/map_20200102_v1.0.0/deep/1 x.bin", "data/map/map_20200102_v1.0.0/0.bin")
def a_whole_companion_directory_is_gone(mission: Mission) -> None:
    shutil.rmtree(home(mission, MAP).with_suffix(""))


@plants(Kind.MEMBER_SIZE, "data/map/map_20200102_v1.0.0/0.bin")
def a_member_is_shorter(mission: Mission) -> None:
    os.truncate(home(mission, MAP).with_suffix("") / "0.bin", 0)


@plants(Kind.MEMBER_CHANGED, "data/map/map_20200102_v1.0.0/deep/1 x.bin")
def a_member_has_other_bytes(mission: Mission) -> None:
    (home(mission, MAP).with_suffix("") / "deep" / "1 x.bin").write_text("erom")


@plants(Kind.MEMBER_UNKNOWN, "data/map/map_20200102_v1.0.0/deep/2.bin")
def a_member_is_unknown(mission: Mission) -> None:
    (home(mission, MAP).with_suffix("") / "deep" / "2.bin").touch()


@plants(Kind.UNKNOWN_FILE, "data/raw/raw_20200101_v1.0.0/0.bin")
def a_directory_has_the_stem_of_a_file_that_owns_none(mission: Mission) -> None:
    home(mission, RAW[0]).with_suffix("").mkdir()
    (home(mission, RAW[0]).with_suffix("") / "0.bin").touch()


@plants(Kind.UNKNOWN_FILE, "data/raw/sub/raw_20200109_v1.0.0.txt")
def a_file_is_unknown(mission: Mission) -> None:
    home(mission, RAW[0]).with_name("sub").mkdir()
    (home(mission, RAW[0]).with_name("sub") / name_of("raw", 9)).touch()


@plants(Kind.UNKNOWN_FILE, "data/map/map_20200109_v1.0.0.idx")
def an_unknown_file_has_a_companion_directory(mission: Mission) -> None:
    (mission.root / "data" / "map" / "map_20200109_v1.0.0" / "deep").mkdir(parents=True)
    (mission.root / "data" / "map" / "map_20200109_v1.0.0" / "deep" / "0.bin").touch()
    (mission.root / "data" / "map" / "map_20200109_v1.0.0.idx").write_text("x")


@plants(Kind.UNKNOWN_FILE, "data/raw/a link", "data/raw/a fifo")
def what_is_unknown_is_no_regular_file(mission: Mission) -> None:
    (mission.root / "data" / "raw" / "a link").symlink_to("/etc")
    os.mkfifo(mission.root / "data" / "raw" / "a fifo")


@plants(Kind.UNFINISHED_COPY, f"data/raw/.{RAW[0]}.partial", "data/raw/.raw_20200109_v1.0.0.partial")
def a_copy_was_not_finished(mission: Mission) -> None:
    home(mission, RAW[0]).with_name(f".{RAW[0]}.partial").touch()
    home(mission, RAW[0]).with_name(".raw_20200109_v1.0.0.partial").mkdir()
    (home(mission, RAW[0]).with_name(".raw_20200109_v1.0.0.partial") / "0.bin").touch()


@plants(Kind.OUTSIDE_ROOT, "data/clean/")
def a_directory_is_a_link_that_leads_outside(mission: Mission) -> None:
    (mission.root / "data" / "clean").rename(mission.root.parent / "clean")
    (mission.root / "data" / "clean").symlink_to(mission.root.parent / "clean")


@plants(Kind.OUTSIDE_ROOT, "../away")
def a_row_says_that_its_file_is_outside(mission: Mission) -> None:
    (mission.root.parent / "away").mkdir()
    home(mission, RAW[0]).rename(mission.root.parent / "away" / RAW[0])
    mission.execute(f"UPDATE file SET relative_path = 'data/../../away' WHERE filename = '{RAW[0]}'")


@plants(Kind.WORLD_WRITABLE, f"data/raw/{RAW[0]}", "data/clean/", "codes/notify.sh")
def everybody_may_write(mission: Mission) -> None:
    for path in (home(mission, RAW[0]), mission.root / "data" / "clean", mission.codes / "notify.sh"):
        path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IWOTH)


ATTEMPT = (
    "INSERT INTO attempt (logging_id, process_id, utc_file_date, process_keywords, code_id, code_shasum, status, "
    "reasons, command_line, created_time) SELECT logging_id, process_id, utc_file_date, process_keywords, code_id, "
    "code_shasum, 'running', reasons, command_line, created_time FROM attempt WHERE attempt_id = 1"
)


@plants(Kind.OPEN_ATTEMPT, "attempt ATTEMPT")
def an_attempt_has_no_end(mission: Mission) -> None:
    mission.execute(ATTEMPT)


@plants(Kind.OPEN_PLACEMENT, "data/raw/raw_20200109_v1.0.0.txt")
def a_move_was_announced(mission: Mission) -> None:
    target = home(mission, name_of("raw", 9))
    target.write_text("raw")
    mission.execute(
        "INSERT INTO placement (purpose, source, target, shasum, announced_time) VALUES "
        f"('incoming', '{mission.incoming / target.name}', '{target}', '', '2020-01-01 00:00:00')"
    )


@plants(Kind.WORK_DIRECTORY, ".dbproc/work/9-9")
def a_working_directory_is_left(mission: Mission) -> None:
    (mission.root / ".dbproc" / "work" / "9-9").mkdir()


@plants(Kind.STRAY_LOG, ".dbproc/jobs/9-9.log")
def a_log_is_left(mission: Mission) -> None:
    (mission.root / ".dbproc" / "jobs" / "9-9.log").touch()


def hold(mission: Mission, hostname: str) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    mission.execute(
        "INSERT INTO logging (logging_id, currently_processing, pid, pid_start_time, boot_id, processing_start_time, "
        f"mission_id, \"user\", hostname) VALUES (99, true, {os.getpid()}, '1', '{boot}', '2020-01-01 00:00:00', 1, "
        f"'who', '{hostname}')"
    )


@plants(Kind.STALE_LOCK, "run 99")
def the_holder_of_the_lock_is_dead(mission: Mission) -> None:
    hold(mission, socket.gethostname())


@plants(Kind.FOREIGN_LOCK, "run 99")
def the_holder_of_the_lock_is_elsewhere(mission: Mission) -> None:
    hold(mission, "elsewhere")


@plants(Kind.FOREIGN_ROOT, ".dbproc/owner.json")
def the_root_is_another_databases(mission: Mission) -> None:
    mark = mission.root / ".dbproc" / "owner.json"
    mark.write_text(mark.read_text().replace(mission.one("SELECT identity FROM mission"), "0" * 32))


@plants(Kind.NO_ATTEMPT, name_of("smooth", 1))
def an_attempt_is_gone(mission: Mission) -> None:
    attempt = mission.one(f"SELECT {attempt_of(name_of('smooth', 1))}")
    mission.execute(f"DELETE FROM attemptinput WHERE attempt_id = {attempt}")
    mission.execute(f"DELETE FROM attempt WHERE attempt_id = {attempt}")


@plants(Kind.NO_CODE, name_of("smooth", 1, "1.1.0"))
def a_code_link_is_gone(mission: Mission) -> None:
    mission.execute(f"DELETE FROM filecodelink WHERE resulting_file = {file_id(name_of('smooth', 1, '1.1.0'))}")


@plants(Kind.NO_INPUTS, name_of("smooth", 1, "1.1.0"))
def all_input_links_are_gone(mission: Mission) -> None:
    mission.execute(f"DELETE FROM filefilelink WHERE resulting_file = {file_id(name_of('smooth', 1, '1.1.0'))}")


@plants(Kind.OTHER_LINKS, name_of("smooth", 1, "1.1.0"))
def one_input_link_is_gone(mission: Mission) -> None:
    mission.execute(
        f"DELETE FROM filefilelink WHERE resulting_file = {file_id(name_of('smooth', 1, '1.1.0'))} "
        f"AND source_file = {file_id(name_of('clean', 1))}"
    )


@plants(Kind.OTHER_LINKS, name_of("smooth", 1, "1.1.0"))
def there_is_an_input_link_too_many(mission: Mission) -> None:
    result = file_id(name_of("smooth", 1, "1.1.0"))
    mission.execute(f"INSERT INTO filefilelink (source_file, resulting_file) VALUES ({file_id(RAW[0])}, {result})")


@plants(Kind.OTHER_LINKS, name_of("smooth", 1, "1.1.0"))
def the_code_link_is_another(mission: Mission) -> None:
    result = file_id(name_of("smooth", 1, "1.1.0"))
    other = "(SELECT code_id FROM code WHERE filename = 'to_map.sh')"
    mission.execute(f"UPDATE filecodelink SET source_code = {other} WHERE resulting_file = {result}")


@plants(Kind.NO_OUTPUT, "attempt ATTEMPT")
def an_attempt_names_no_output(mission: Mission) -> None:
    attempt = f"SELECT attempt_id FROM ({'SELECT max(attempt_id) AS attempt_id FROM attempt WHERE output_file > 0'}) t"
    mission.execute(f"UPDATE attempt SET output_file = NULL WHERE attempt_id = ({attempt})")


@plants(Kind.LINEAGE_CYCLE, name_of("clean", 1))
def files_are_made_from_each_other(mission: Mission) -> None:
    smooth, clean = file_id(name_of("smooth", 1)), file_id(name_of("clean", 1))
    mission.execute(f"INSERT INTO filefilelink (source_file, resulting_file) VALUES ({smooth}, {clean})")


@plants(Kind.UNDUE, name_of("clean", 1), "map_20200101_v1.0.0.idx")
def an_input_is_of_another_time(mission: Mission) -> None:
    mission.execute(
        "UPDATE file SET utc_start_time = '1899-06-01 00:00:00', utc_stop_time = '1899-06-01 01:00:00' "
        f"WHERE file_id = {file_id(name_of('raw', 1))}"
    )


@plants(Kind.STALE, "clean 2020-01-04", "map 2020-01-04", "sour 2020-01-04")
def a_new_file_was_never_looked_at(mission: Mission) -> None:
    deliver_and_forget(mission, name_of("raw", 4))


@plants(Kind.STALE, "clean 2020-01-01", "map 2020-01-01")
def a_newer_version_was_never_looked_at(mission: Mission) -> None:
    deliver_and_forget(mission, name_of("raw", 1, "1.0.1"))


@plants(Kind.STALE, "notify 2020-01-02")
def a_process_without_output_never_ran(mission: Mission) -> None:
    attempts = "(SELECT attempt_id FROM attempt WHERE output_filename IS NULL AND utc_file_date = '2020-01-02')"
    mission.execute(f"DELETE FROM attemptinput WHERE attempt_id IN {attempts}")
    mission.execute("DELETE FROM attempt WHERE output_filename IS NULL AND utc_file_date = '2020-01-02'")


def deliver_and_forget(mission: Mission, name: str) -> None:
    mission.deliver(name)
    assert main(["ingest", "-m", mission.database]) == 0
    assert main(["queue", "--flush", "-m", mission.database]) == 0


def queue_up(mission: Mission, name: str) -> None:
    mission.execute(
        f"INSERT INTO processqueue (file_id, reason, queued_time) VALUES ({file_id(name)}, '', '2020-01-01 00:00:00')"
    )


@plants(Kind.QUEUED_IN_VAIN, MAP)
def a_queued_file_is_taken_by_no_process(mission: Mission) -> None:
    queue_up(mission, MAP)


@plants(Kind.QUEUED_IN_VAIN, name_of("raw", 2))
def a_queued_file_is_superseded(mission: Mission) -> None:
    queue_up(mission, name_of("raw", 2))


@plants(Kind.QUEUED_IN_VAIN, RAW[0])
def a_queued_file_is_gone(mission: Mission) -> None:
    home(mission, RAW[0]).unlink()
    mission.execute(f"UPDATE file SET exists_on_disk = false WHERE filename = '{RAW[0]}'")
    queue_up(mission, RAW[0])


@plants(Kind.PROCESS_CYCLE, "product sour")
def a_process_needs_its_own_product(mission: Mission) -> None:
    mission.execute(
        "INSERT INTO productprocesslink (process_id, input_product_id, optional) "
        "SELECT process_id, output_product, true FROM process WHERE process_name = 'to_sour'"
    )


@plants(Kind.TWO_CODES, "process to_clean")
def two_codes_are_valid_for_one_day(mission: Mission) -> None:
    columns = (
        "filename, relative_path, process_id, interface_version, quality_version, revision_version, "
        "output_interface_version, active_code, shasum, newest_version, declared_version, stat"
    )
    mission.execute(
        f"INSERT INTO code (code_start_date, code_stop_date, {columns}) SELECT code_start_date, code_start_date, "
        f"{columns} FROM code WHERE filename = 'to_clean.sh'"
    )


@plants(Kind.CODE_MISSING, "codes/to_clean.sh")
def a_code_is_gone(mission: Mission) -> None:
    (mission.codes / "to_clean.sh").unlink()


@plants(Kind.CODE_NOT_EXECUTABLE, "codes/to_clean.sh")
def a_code_may_not_be_executed(mission: Mission) -> None:
    (mission.codes / "to_clean.sh").chmod(0o644)


@plants(Kind.CODE_CHANGED, "codes/to_clean.sh")
def a_code_was_edited(mission: Mission) -> None:
    with (mission.codes / "to_clean.sh").open("a") as stream:
        stream.write("# edited\n")


@plants(Kind.INSPECTOR_UNLOADABLE, "inspectors/own.py")
def an_inspector_cannot_be_loaded(mission: Mission) -> None:
    (mission.root / "inspectors" / "own.py").write_text("import a_package_that_there_is_not\n")


@plants(Kind.INSPECTOR_MISSING, "inspectors/own.py")
def an_inspector_is_gone(mission: Mission) -> None:
    (mission.root / "inspectors" / "own.py").unlink()


@plants(Kind.DIRECTORY_MISSING, "incoming/")
def incoming_is_gone(mission: Mission) -> None:
    mission.incoming.rmdir()


@plants(Kind.DIRECTORY_MISSING, "quarantine/")
def quarantine_is_gone(mission: Mission) -> None:
    shutil.rmtree(mission.quarantine)


@plants(Kind.QUARANTINE_LOST, "quarantine/STORED")
def a_file_in_quarantine_is_gone(mission: Mission) -> None:
    next(mission.quarantine.iterdir()).unlink()


@plants(Kind.QUARANTINE_UNKNOWN, "quarantine/who put me here")
def a_file_in_quarantine_has_no_entry(mission: Mission) -> None:
    (mission.quarantine / "who put me here").touch()


def named(mission: Mission, plant: str) -> set[tuple[str, str]]:
    """What is to be found of a damage that was planted."""
    _, kind, places = PLANTS[plant]
    return {(str(kind), _resolved(mission, place)) for place in places}


def _resolved(mission: Mission, place: str) -> str:
    """The place as it is printed, its words in capitals replaced by what the database says."""
    if place == "attempt ATTEMPT":
        open_ones = "status = 'running' OR (status = 'succeeded' AND output_file IS NULL AND output_filename <> '')"
        return f"attempt {mission.one(f'SELECT attempt_id FROM attempt WHERE {open_ones}')}"
    if "STORED" in place:
        place = place.replace("STORED", str(mission.one("SELECT stored_name FROM quarantine")))
    return os.path.normpath(mission.root / place) if "/" in place else place


@pytest.mark.parametrize("plant", PLANTS)
def test_each_damage_is_named_at_its_place_and_nothing_else(plant: str, sound: Mission) -> None:
    PLANTS[plant][0](sound)
    wanted = named(sound, plant)
    before = sound.everything()
    facts = check(sound, "--deep", status=1)
    assert faults(facts) == wanted
    assert all(fault["text"] and fault["remedy"] for fault in facts["faults"])
    quick = {(kind, place) for kind, place in wanted if "changed" not in kind or kind == "code_changed"}
    assert faults(check(sound, status=1 if quick else 0)) == quick
    check(sound, "--deep", "--repair", "--dry-run", status=1)
    assert sound.everything() == before


def test_damage_of_every_kind_is_planted_but_what_root_may_do() -> None:
    elsewhere = {Kind.UNREADABLE, Kind.DIRECTORY_READ_ONLY, Kind.UNREADABLE_VALUE, Kind.IMPLAUSIBLE, Kind.FEW_COPIES}
    assert {kind for _, kind, _ in PLANTS.values()} == set(Kind) - elsewhere


def test_unlikely_dates_are_told_where_that_is_asked_for(sound: Mission) -> None:
    assert faults(check(sound, "--plausible", status=0)) == set()
    sound.execute(f"UPDATE file SET revision_version = 7 WHERE filename = '{RAW[0]}'")
    assert faults(check(sound, status=0)) == set()
    facts = check(sound, "--plausible", status=1)
    assert faults(facts) == {("implausible", RAW[0])}
    assert facts["faults"][0]["text"] == "its name says version 1.0.0, and it has 1.0.7"
    assert faults(check(sound, "--plausible", "--product", "clean", status=0)) == set()
    assert faults(check(sound, "--plausible", "--product", "raw", status=1)) == {("implausible", RAW[0])}


def test_some_files_are_looked_at_alone(sound: Mission) -> None:
    gone, spoilt = home(sound, name_of("clean", 2)), home(sound, RAW[0])
    gone.unlink()
    spoilt.write_bytes(b"?" * spoilt.stat().st_size)
    (gone.parent / "stranger.txt").touch()
    facts = check(sound, "--product", "clean", status=1)
    assert faults(facts) == {("missing", str(gone))}
    assert facts["files"] == sum(file.product == "clean" for file in sound.files().values())
    assert faults(check(sound, "--product", "clean", "--start", "2020-01-03", status=0)) == set()
    assert faults(check(sound, "--product", "raw", status=0)) == set()
    assert faults(check(sound, "--product", "raw", "--deep", status=1)) == {("changed", str(spoilt))}
    assert faults(check(sound, "--end", "2020-01-01", "--deep", status=1)) == {("changed", str(spoilt))}
    for wrong in (("--repair",), ("--accept", RAW[0], "--reason", "x")):
        assert guarded(check_command, ["-m", sound.database, "--product", "raw", *wrong], "dbproc check") == 2


def test_check_of_a_sound_mission_changes_nothing(sound: Mission) -> None:
    before = sound.everything()
    check(sound, "--deep", "--repair", "--dry-run", status=0)
    check(sound, status=0)
    assert sound.everything() == before


@pytest.mark.both_databases
def test_several_damages_at_once_are_all_named(sound: Mission) -> None:
    wanted = set()
    for plant in (a_file_is_shorter, a_member_is_gone, a_file_is_unknown, a_code_was_edited, an_attempt_is_gone):
        plant(sound)
        wanted |= named(sound, plant.__name__)
    assert faults(check(sound, status=1)) == wanted


def test_a_name_that_forges_lines_is_printed_in_one(sound: Mission) -> None:
    os.close(os.open(os.fsencode(sound.root) + b"/data/raw/a\nmissing \xff\x1b[2J", os.O_CREAT))
    out = StringIO()
    with redirect_stdout(out):
        assert guarded(check_command, ["-m", sound.database, "--repair"], "dbproc check") == 0
    assert "\x1b" not in out.getvalue()
    assert not any(line.startswith("missing ") for line in out.getvalue().splitlines())
    assert (sound.quarantined()).keys() == {"nothing.known", "a\nmissing \\xff\x1b[2J"}


# --- while a run is live ---


@pytest.mark.thorough
def test_what_a_live_run_is_at_work_on_is_no_fault(mission: Mission) -> None:
    os.mkfifo(mission.root / "gate")
    mission.code("to_clean.sh", WAITING.replace("ROOT", str(mission.root)))
    mission.create(*chain())
    mission.deliver(*RAW)
    run = mission.start()
    try:
        wait_for((mission.root / "began").exists, "a job to begin")
        (mission.root / "data" / "raw" / f".{name_of('raw', 9)}.partial").touch()
        facts = check(mission, status=0)
        assert f"PID {run.pid}" in facts["live"]
        (mission.root / "data" / "raw" / name_of("raw", 9)).touch()
        assert {fault["kind"] for fault in check(mission, status=1)["faults"]} == {"unknown_file"}
        before = mission.tables()
        assert guarded(check_command, ["-m", mission.database, "--repair"], "dbproc check") == 75
        assert mission.tables() == before
    finally:
        run.kill()
        run.communicate()
        (mission.root / "gate").unlink()
    kinds = {fault["kind"] for fault in check(mission, status=1)["faults"]}
    assert kinds >= {"stale_lock", "open_attempt", "work_directory", "unfinished_copy"}
    (mission.root / "data" / "raw" / f".{name_of('raw', 9)}.partial").unlink()
    check(mission, "--repair", status=0)
    mission.run()


def test_a_mission_at_work_has_no_fault_at_any_moment(mission: Mission) -> None:
    mission.code("to_map.sh", WRITE_COMPANION)
    mission.create(*chain(), BLOCKS[5], BLOCKS[7])
    mission.deliver(*(f"raw_202002{day:02d}_v1.0.0.txt" for day in range(1, 29)))
    run = mission.start()
    looks = 0
    while run.poll() is None:
        assert faults(check(mission)) == set()
        looks += 1
    assert run.communicate()[1] == ""
    assert looks > 3
    assert faults(check(mission, status=0)) == set()


# --- repair ---

REPAIRABLE = [
    a_file_is_gone,
    a_file_with_a_companion_directory_is_gone,
    a_file_is_elsewhere_below_the_root,
    a_file_is_in_the_directory_of_another_product,
    a_missing_file_is_back,
    a_file_is_unknown,
    an_unknown_file_has_a_companion_directory,
    what_is_unknown_is_no_regular_file,
    an_attempt_has_no_end,
    a_move_was_announced,
    a_working_directory_is_left,
    the_holder_of_the_lock_is_dead,
    a_new_file_was_never_looked_at,
    a_newer_version_was_never_looked_at,
    a_process_without_output_never_ran,
    a_queued_file_is_taken_by_no_process,
    a_queued_file_is_superseded,
    a_queued_file_is_gone,
]


@pytest.mark.parametrize("damage", REPAIRABLE, ids=lambda damage: damage.__name__)
def test_repair_mends_what_it_says_and_the_next_check_is_clean(damage: Plant, sound: Mission) -> None:
    damage(sound)
    bytes_before = contents(sound)
    said = check(sound, "--repair", "--dry-run", status=1)["intentions"]
    assert said
    facts = check(sound, "--repair", status=0)
    assert facts["intentions"] == said
    assert facts["left"] == []
    assert faults(check(sound, "--deep", status=0)) == set()
    assert contents(sound) == bytes_before
    assert main(["run", "-o", "to_clean,to_smooth,to_map,notify", "-m", sound.database]) == 0
    assert faults(check(sound, "--deep", status=0)) == set()


def contents(mission: Mission) -> list[bytes]:
    """The bytes of every file but dbproc's own."""
    own = {mission.root / ".dbproc", mission.root.parent / "mission.sqlite"}
    files = (path for path in mission.root.parent.rglob("*") if path.is_file() and not own & {path, *path.parents})
    return sorted(path.read_bytes() for path in files if not path.name.startswith("mission.sqlite"))


def test_a_missing_output_is_built_again_after_repair(sound: Mission) -> None:
    a_file_is_gone(sound)
    content = sound.content(name_of("clean", 2, "1.1.0"))
    home(sound, name_of("clean", 2, "1.1.0")).unlink()
    check(sound, "--repair", status=0)
    assert sound.one(f"SELECT exists_on_disk FROM file WHERE filename = '{name_of('clean', 2)}'") in (False, 0)
    sound.run()
    assert sound.content(name_of("clean", 2, "1.1.1")) == content
    assert sound.files()[name_of("smooth", 1, "1.1.1")].inputs == {name_of("clean", 1), name_of("clean", 2, "1.1.1")}


def test_what_depends_on_a_missing_input_is_made_without_it(sound: Mission) -> None:
    mission = sound
    for name in (name_of("clean", 3), RAW[2]):
        home(mission, name).unlink()
    facts = check(mission, "--repair", status=0)
    assert any(event["text"].startswith("queue ") for event in facts["repairs"])
    mission.run()
    assert mission.files()[name_of("smooth", 2, "1.2.0")].inputs == {name_of("clean", 1), name_of("clean", 2, "1.1.0")}
    assert faults(check(mission, status=0)) == set()


def test_an_unknown_file_goes_to_quarantine_with_its_reason_and_comes_back(sound: Mission) -> None:
    an_unknown_file_has_a_companion_directory(sound)
    check(sound, "--repair", status=0)
    ((number, stored, came_from),) = sound.rows(
        "SELECT quarantine_id, stored_name, came_from FROM quarantine WHERE reason = 'unknown_file'"
    )
    assert came_from == str(sound.root / "data" / "map" / "map_20200109_v1.0.0.idx")
    assert (sound.quarantine / stored).read_text() == "x"
    assert (sound.quarantine / Path(stored).stem / "deep" / "0.bin").exists()
    assert main(["quarantine", "release", str(number), "try", "-m", sound.database]) in (0, 2)


def test_repair_leaves_alone_what_has_not_the_bytes_that_were_recorded(sound: Mission) -> None:
    a_file_is_elsewhere_below_the_root(sound)
    a_missing_file_is_back(sound)
    strangers = (sound.root / "attic" / name_of("clean", 2), home(sound, RAW[0]))
    for path in strangers:
        path.write_text(path.read_text()[::-1])
    facts = check(sound, "--repair", status=1)
    assert {fault["kind"] for fault in facts["left"]} == {"moved", "returned"}
    assert all(path.exists() for path in strangers)
    assert {event["event"] for event in facts["repairs"]} == {"problem"}


def test_repair_does_not_believe_that_everything_is_missing(sound: Mission) -> None:
    (sound.root / "data").rename(sound.root.parent / "unmounted")
    before = sound.tables("logging")
    facts = check(sound, "--repair", status=1)
    assert {fault["kind"] for fault in facts["left"]} == {"missing"}
    assert "mounted" in facts["faults"][0]["remedy"]
    assert sound.tables("logging") == before


def test_repair_does_not_move_a_products_directory_for_the_companion_of_a_stranger(sound: Mission) -> None:
    sound.define(*BLOCKS, product("above", 0, directory="data"), retry_seconds=3600)
    (sound.root / "data" / "raw.txt").write_text("not a file of products")
    facts = check(sound, "--repair", status=0)
    assert faults(facts) == {("unknown_file", str(sound.root / "data" / "raw.txt"))}
    assert home(sound, RAW[0]).exists()
    assert "not a file of products" in [path.read_text() for path in sound.quarantine.iterdir()]


def test_what_needs_a_person_is_left_and_said(sound: Mission) -> None:
    a_file_is_shorter(sound)
    a_code_is_gone(sound)
    a_log_is_left(sound)
    before = sound.tables()
    facts = check(sound, "--repair", status=1)
    assert facts["left"] == facts["faults"]
    assert facts["intentions"] == []
    assert sound.tables() == before


def test_a_repair_that_dies_is_put_right_by_the_next_run(sound: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    a_file_is_unknown(sound)
    before = contents(sound)

    class Killed(BaseException):
        pass

    def fail(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(quarantine_rows, "insert_entries", fail)
        with pytest.raises(Killed):
            guarded(check_command, ["-m", sound.database, "--repair"], "dbproc check")
    assert "open_placement" in {fault["kind"] for fault in check(sound, status=1)["faults"]}
    check(sound, "--repair", status=1)
    assert faults(check(sound, status=1)) == named(sound, "a_file_is_unknown")
    check(sound, "--repair", status=0)
    assert contents(sound) == before


def test_a_repair_in_the_hands_of_another_host_is_refused(sound: Mission) -> None:
    the_holder_of_the_lock_is_elsewhere(sound)
    a_file_is_unknown(sound)
    assert guarded(check_command, ["-m", sound.database, "--repair"], "dbproc check") == 78
    assert (home(sound, RAW[0]).with_name("sub") / name_of("raw", 9)).exists()


# --- values that are none ---

UNREADABLE = {
    "file: file_id = 1: utc_file_date": "UPDATE file SET utc_file_date = '2024-5-1' WHERE file_id = 1",
    "file: file_id = 1: interface_version": "UPDATE file SET interface_version = 'a' WHERE file_id = 1",
    "attempt: attempt_id = 1: start_time": "UPDATE attempt SET start_time = '?' WHERE attempt_id = 1",
    "attempt: attempt_id = 1: next_try_time": "UPDATE attempt SET next_try_time = '2999-99-99' WHERE attempt_id = 1",
    "file: file_id = 1: file_create_date": "UPDATE file SET file_create_date = 17 WHERE file_id = 1",
    "attempt: attempt_id = 1: command_line": "UPDATE attempt SET command_line = x'00ff' WHERE attempt_id = 1",
    "code: code_id = 1: cpu": "UPDATE code SET cpu = 'many' WHERE code_id = 1",
    "mission: mission_id = 1: settle_seconds": "UPDATE mission SET settle_seconds = 'long' WHERE mission_id = 1",
}


@pytest.fixture
def small(sqlite_mission: Mission) -> Mission:
    mission = sqlite_mission.create(*chain())
    mission.deliver(name_of("raw", 1))
    mission.run()
    return mission


@pytest.mark.parametrize("place", UNREADABLE)
def test_a_value_that_its_column_cannot_hold_is_named(
    small: Mission, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small.execute(UNREADABLE[place])
    table, row, column = place.split(": ")
    facts = check(small, status=1)
    ((kind, found),) = faults(facts)
    assert (kind, found) == ("unreadable_value", f"{table} ({row})")
    (fault,) = facts["faults"]
    assert fault["text"].startswith(f"{column} is ")
    assert f'UPDATE {table} SET "{column}" = … WHERE {row}' in fault["remedy"]
    for words in (["status"], ["why", name_of("clean", 1)], ["run"], ["plan"], ["stats"], ["queue"], ["export"]):
        main([*words, "-m", small.database])
        said = capsys.readouterr().err
        assert "Traceback" not in said, (words, said)
        assert not said or column in said, (words, said)


def test_values_that_are_written_otherwise_and_can_be_read_are_no_fault(small: Mission) -> None:
    small.execute("UPDATE attempt SET start_time = '2024-05-01 10:00:00', end_time = '2024-05-01 10:00:01'")
    assert faults(check(small, status=0)) == set()
