"""Whatever a file's name, content or metadata are: nothing leaves its product's directory, nothing is run or expanded,
no line of a log is forged; and the database's password is seen by nobody."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dbproc.cli import main
from dbproc.cli.dbprocessing import commands as legacy
from dbproc.core.model import Move
from dbproc.core.states import Purpose
from dbproc.database import moves
from dbproc.database.store import open_store
from tests.kit.mission import Mission, name_of, process, product

RAW = [name_of("raw", day) for day in range(1, 31)]
STATION = "raw_{station}_{Y}{m}{d}_v{VERSION}.txt"


def of_station(station: str, day: int = 1) -> str:
    return f"raw_{station}_202001{day:02d}_v1.0.0.txt"


STATION_INSIDE = """
from dbproc.products import Facts, Inspector

class StationInside(Inspector):
    def inspect(self, path, name):
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return Facts(keywords={"station": stream.read()})
"""
"""An inspector to which a file's content says what its keyword is."""


@pytest.fixture
def fenced(sqlite_mission: Mission) -> Iterator[Mission]:
    """A mission beside which nothing may appear; what is there already stays as it is."""
    beside = sqlite_mission.root.parent / "beside"
    beside.mkdir()
    (beside / "mine").write_text("mine")
    yield sqlite_mission
    assert {path.name for path in beside.iterdir()} == {"mine"}
    assert (beside / "mine").read_text() == "mine"
    names = {path.name for path in sqlite_mission.root.parent.iterdir()}
    assert {name for name in names if not name.startswith("mission")} == {"beside"}


def check_only_in(mission: Mission, *directories: str) -> None:
    """No file is anywhere but where files of this mission may be."""
    own = ("incoming", "quarantine", "codes", "inspectors", ".dbproc")
    allowed = [mission.root / name for name in (*own, *directories)]
    for path in mission.root.rglob("*"):
        if not path.is_dir():
            assert path == mission.file or any(place in path.parents for place in allowed), path
    for private in ("codes", "inspectors", "incoming"):
        assert {path.suffix for path in (mission.root / private).iterdir()} <= {".sh", ".py"}


# --- places ---


UPWARDS = ["..", "."]
HARMLESS = [
    "...",
    "~",
    "~root",
    "$HOME",
    "${HOME}",
    "`id`",
    "$(id)",
    "-rf",
    "--help",
    "a b",
    "*",
    "a;b",
    "%2e%2e",
    "\\..\\",
]


def test_no_keyword_of_a_name_leads_out_of_the_products_directory(fenced: Mission) -> None:
    fenced.create(product("raw", 0, STATION, directory="data/raw/{station}/{Y}"))
    fenced.deliver(*(of_station(station) for station in [*UPWARDS, *HARMLESS]))
    fenced.run(status=1)
    assert fenced.quarantined() == {of_station(station): "bad_place" for station in UPWARDS}
    homes = {str(file.path.parent.relative_to(fenced.root)) for file in fenced.files().values()}
    assert homes == {f"data/raw/{station}/2020" for station in HARMLESS}
    check_only_in(fenced, "data/raw")


OUTSIDE = [
    "../../../beside/new",
    "/tmp/new",
    "a/../../../../beside/new",
    "..",
    ".",
    "",
    "a/b",
    "a\nb",
    "a\tb",
    "a" * 256,
    "é" * 128,
]
STRANGE = ["a\x00b", "a\x1b[2Jb", "a\x85b", "a\u2028b", "a\u202eb", "a\udcffb", "a" * 3_000]


def test_no_keyword_that_an_inspector_reads_leads_out_of_the_products_directory(fenced: Mission) -> None:
    fenced.inspector("station.py", STATION_INSIDE)
    fenced.create(product("raw", 0, inspector="station.py", directory="data/raw/{station}"))
    values = [*OUTSIDE, *STRANGE, "north"]
    for name, value in zip(RAW, values, strict=False):
        (fenced.incoming / name).write_bytes(value.encode("utf-8", "surrogateescape"))
    fenced.run(status=1)
    refused = fenced.quarantined()
    assert [refused.get(name) for name in RAW[: len(values)]] == [
        *["bad_place"] * len(OUTSIDE),
        *["inspector_failed"] * len(STRANGE),
        None,
    ]
    assert [file.path.parent for file in fenced.files().values()] == [fenced.root / "data" / "raw" / "north"]
    check_only_in(fenced, "data/raw")


def test_no_keyword_of_an_input_leads_an_output_out_of_its_jobs_directory(fenced: Mission) -> None:
    fenced.inspector("station.py", STATION_INSIDE)
    fenced.create(
        product("raw", 0, inspector="station.py"),
        product("clean", 1, "{station}.{Y}{m}{d}_v{VERSION}.txt", directory="data/clean/{station}"),
        process("to_clean", "clean", ["raw"], "FILE"),
    )
    values = [value for value in OUTSIDE if value] + ["north"]
    for name, value in zip(RAW, values, strict=False):
        (fenced.incoming / name).write_text(value, newline="")
    fenced.run(status=1)
    assert fenced.names("clean") == [f"north.202001{len(values):02d}_v1.0.0.txt"]
    made = [(process, date) for process, date, status in fenced.attempts() if status != "refused"]
    assert len(made) <= 3  # "." and ".." are names of files, and lead an output nowhere; but its directory
    check_only_in(fenced, "data/raw", "data/clean/north")


def test_no_link_leads_out_of_the_root(fenced: Mission) -> None:
    fenced.create(
        product("raw", 0, STATION, directory="data/raw/{station}"),
        product("clean", 1, directory="data/clean"),
        process("to_clean", "clean", ["raw"]),
    )
    (fenced.root / "data" / "raw").mkdir(parents=True)
    for link in ("raw/away", "clean"):
        (fenced.root / "data" / link).symlink_to(fenced.root.parent / "beside")
    fenced.deliver(of_station("away", 1), of_station("north", 2))
    done = fenced.run(status=1)
    assert fenced.quarantined() == {of_station("away", 1): "bad_place"}
    assert fenced.attempts() == [("to_clean", "2020-01-02", "failed")]
    assert done.err.count(f"a link on the way leads to {fenced.root.parent / 'beside'}") == 2
    (fenced.root / "data" / "clean").unlink()


PRIVATE = ["codes", "inspectors", "incoming", "quarantine", ".dbproc"]


@pytest.mark.parametrize("way", ["delivered", "made"])
def test_no_keyword_leads_into_another_directory_of_the_mission(way: str, tmp_path: Path) -> None:
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite"))
    raw, clean = ("{station}", "data") if way == "delivered" else ("data", "{station}")
    mission.create(
        product("raw", 0, STATION, directory=raw),
        product("clean", 1, STATION.replace("raw", "clean"), directory=clean),
        process("to_clean", "clean", ["raw"], "FILE"),
    )
    mission.deliver(*(of_station(name) for name in [*PRIVATE, "north"]))
    done = mission.run(status=1)
    assert done.err.count("which is not for products") == len(PRIVATE)
    assert mission.names("clean") == ["clean_north_20200101_v1.0.0.txt"]
    if way == "delivered":
        assert mission.quarantined() == {of_station(name): "bad_place" for name in PRIVATE}
    check_only_in(mission, "data", "north")


def companions_that_cannot_be_recorded(mission: Mission) -> None:
    """A companion directory for each of the first six files."""
    beside = mission.root.parent / "beside"
    members = [f"{RAW[number][:-4]}/good" for number in range(6)]
    for member in members:
        (mission.incoming / member).parent.mkdir()
        (mission.incoming / member).write_text("good")
    places = [mission.incoming / RAW[number][:-4] for number in range(6)]
    (places[0] / "away").symlink_to(beside)
    (places[1] / "away").symlink_to(beside / "mine")
    (places[2] / "new\nline").write_text("x")
    (places[3] / "esc\x1b[2J").write_text("x")
    (places[4] / os.fsdecode(b"\xff")).write_text("x")
    long = places[5] / "/".join(["x" * 200] * 5)
    long.mkdir(parents=True)
    (long / "x").write_text("x")


def test_companion_directories_with_what_cannot_be_recorded_are_refused(fenced: Mission) -> None:
    fenced.create(product("raw", 0, companion=True))
    companions_that_cannot_be_recorded(fenced)
    fenced.deliver(*RAW[:7])
    done = fenced.run(status=1)
    refused = [*RAW[:6], *(name.removesuffix(".txt") for name in RAW[:6])]
    assert fenced.quarantined() == dict.fromkeys(refused, "unreadable")
    assert fenced.names("raw") == [RAW[6]]
    check_lines(done.err, "quarantined raw_2020")
    check_only_in(fenced, "data/raw")


SLOVEN = f"""#!{sys.executable}
import os, sys
out = sys.argv[-1]
companion = out.removesuffix(".txt")
os.mkdir(companion)
open(out, "w").write("made")
if "20200101" in out:
    os.symlink("/etc", companion + "/away")
elif "20200102" in out:
    open(os.fsencode(companion) + b"/x\\xff\\n", "w")
else:
    os.unlink(out)
    open(b"x\\xff\\n\\x1b[2J", "w")
"""


def test_a_job_that_leaves_what_cannot_be_recorded_has_failed(mission: Mission) -> None:
    mission.code("to_clean.sh", SLOVEN)
    mission.create(product("raw", 0), product("clean", 1, companion=True), process("to_clean", "clean", ["raw"]))
    mission.deliver(*RAW[:3])
    done = mission.run(status=1)
    assert [status for _, _, status in mission.attempts()] == ["failed"] * 3
    expected = ("away is not a regular file", "holds control characters", "x\\udcff\\n\\x1b[2J instead")
    assert all(any(words in message for message in mission.messages()) for words in expected)
    check_lines(done.err, "failed to_clean 2020-01-0")


def test_a_link_out_of_the_root_is_refused_unread(fenced: Mission) -> None:
    fenced.create(product("raw", 0))
    (fenced.incoming / "mine").symlink_to(fenced.root.parent / "beside" / "mine")
    fenced.run(status=1)
    assert fenced.rows("SELECT reason, shasum FROM quarantine") == [("link_elsewhere", None)]


SWAPPED = """
import os
from dbproc.products import Facts, Inspector

class Swapped(Inspector):
    def inspect(self, path, name):
        if name.date.day == 1:
            os.unlink(path)
            os.symlink("AWAY", path)
        return Facts()
"""


def test_a_file_that_becomes_a_link_while_it_is_looked_at_is_left(fenced: Mission) -> None:
    away = fenced.root.parent / "beside" / "mine"
    fenced.inspector("swap.py", SWAPPED.replace("AWAY", str(away)))
    fenced.create(product("raw", 0, inspector="swap.py"))
    fenced.deliver(*RAW[:2], content="x" * len(str(away)))  # so that the link has its size
    fenced.run()
    assert fenced.names("raw") == [RAW[1]]
    assert (fenced.incoming / RAW[0]).readlink() == away
    fenced.run(status=1)
    assert fenced.quarantined() == {RAW[0]: "link_elsewhere"}


@pytest.mark.both_databases
def test_what_a_dead_run_moved_is_put_aside_whatever_its_name_is(mission: Mission) -> None:
    mission.create(product("raw", 0))
    name = os.fsdecode(b"raw\xff\n")
    (mission.incoming / name).write_text("new")
    mission.quarantine.mkdir()
    (mission.quarantine / "moved").write_text("moved")
    with open_store(mission.database) as store, store.begin() as connection:
        move = Move(Purpose.QUARANTINE, str(mission.incoming / name), str(mission.quarantine / "moved"))
        moves.announce(connection, [move])
    done = mission.run(status=1)
    reasons = sorted(row[0] for row in mission.rows("SELECT reason FROM quarantine"))
    assert reasons == ["bad_name", "dead_run"]
    check_lines(done.err, "quarantined raw")


def test_devices_and_links_to_them_are_refused_unopened(fenced: Mission) -> None:
    fenced.create(product("raw", 0))
    for name, device in zip(RAW, ("/dev/zero", "/dev/stdin", "/dev/tty", "/proc/self/mem", "/dev"), strict=False):
        (fenced.incoming / name).symlink_to(device)
    fenced.run(status=1)
    assert set(fenced.quarantined().values()) <= {"dangling_link", "link_renamed", "link_elsewhere"}
    assert len(fenced.quarantined()) == 5


# --- commands ---


ARGUMENTS = f"""#!{sys.executable}
import os, sys
with open(sys.argv[-1], "w") as out:
    out.write(repr([sys.argv[1:-1], sorted(os.listdir())]))
"""
SHELLISH = ["$(touch x)", "`touch x`", "; touch x", "| touch x", "&& touch x", "> x", "$HOME", "${PATH}", "~", "-rf"]
SHELLISH += ["*", "'", '"', "\\", "{ROOTDIR}", "{DATE}", "%s", "!!"]


@pytest.mark.in_processes
def test_names_reach_a_code_as_they_are(fenced: Mission) -> None:
    fenced.code("to_clean.sh", ARGUMENTS)
    fenced.create(
        product("raw", 0, "{station}_{Y}{m}{d}_v{VERSION}.txt"),
        product("clean", 1, "clean_{station}_{Y}{m}{d}_v{VERSION}.txt"),
        process("to_clean", "clean", ["raw"], "FILE", arguments=["--date", "{DATE}"]),
    )
    names = {f"{station}_20200101_v1.0.0.txt": f"clean_{station}_20200101_v1.0.0.txt" for station in SHELLISH}
    fenced.deliver(*names)
    fenced.run()
    for name, made in names.items():
        expected = [["--date", "20200101", str(fenced.root / "data" / "raw" / name)], [made]]
        assert ast.literal_eval(fenced.content(made)) == expected


# --- lines ---


FORGED = "2026-01-01 00:00:00Z 1 INFO ingested forged"
BREAKS = [
    "\n",
    "\r",
    "\r\n",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1b[2J\x1b[1A",
    "\x9b2J",
    "\x08" * 9,
]
EVENTS = "quarantined|failed|ingested|built|note|problem|run"
LINE = re.compile(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\dZ \d+ (?:INFO|ERROR) (?:{EVENTS}) \S.*")


def check_lines(text: str, beginning: str) -> None:
    """Each line begins as it is to, and nothing in it moves a cursor."""
    for line in text.removesuffix("\n").split("\n"):
        assert re.match(beginning, line), ascii(line)
        assert line.isprintable(), ascii(line)


def check_log(mission: Mission) -> None:
    (log,) = (mission.root / ".dbproc" / "logs").iterdir()
    check_lines(log.read_text(), LINE.pattern)


@dataclass(frozen=True)
class Terminal:
    """What commands print, each without a process of its own."""

    capture: pytest.CaptureFixture[str]

    def told(self, mission: Mission, *words: str) -> str:
        """What a command says, on stdout and on stderr."""
        self.capture.readouterr()
        main([*words, "-m", mission.database])
        said = self.capture.readouterr()
        assert "Traceback" not in said.err
        return said.out + said.err

    def check(self, mission: Mission, *commands: Sequence[str]) -> None:
        """No command prints a line that a foreign text begins, or that moves a cursor."""
        for command in commands:
            for line in self.told(mission, *command).split("\n"):
                assert line.isprintable(), (command, ascii(line))
                assert not line.startswith("2026-01-01"), (command, line)


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


TELLING = (["status"], ["quarantine", "list"], ["quarantine", "show", "1"], ["quarantine", "show", "3"], ["queue"])


def test_no_name_forges_a_line(fenced: Mission, terminal: Terminal) -> None:
    fenced.create(product("raw", 0, STATION))
    names = [f"raw_x{wrong}{FORGED}_20200101_v1.0.0.txt" for wrong in BREAKS]
    accepted = of_station("right\u202eleft\u200b\u00a0\ufeff")
    fenced.deliver(*names, accepted)
    terminal.check(fenced, ["plan"], ["inspect", str(fenced.incoming / accepted)])
    done = fenced.run(status=1)
    assert set(fenced.quarantined().values()) == {"bad_name"}
    assert len(fenced.quarantined()) == len(names)
    check_lines(done.out, "ingested raw_right|1 ingested")
    check_lines(done.err, "quarantined raw_x")
    check_log(fenced)
    about = (["why", accepted], ["why", "raw", "2020-01-01"], ["lineage", accepted], ["check"])
    terminal.check(
        fenced, *TELLING, *about, ["why", "raw_"], ["quarantine", "release", "1"], ["quarantine", "release", "1"]
    )
    terminal.check(fenced, ["status", "--json"], ["quarantine", "list", "--json"], ["why", accepted, "--json"])
    fenced.execute("INSERT INTO processqueue (file_id, queued_time) SELECT file_id, '2020-01-01' FROM file")
    terminal.check(fenced, ["queue"])
    assert legacy.main("printProcessQueue.py", [fenced.database]) == 0
    check_lines(terminal.capture.readouterr().out.replace("\t", " "), "")


LIAR = f"""
from dbproc.products import Inspector, NotMine

class Liar(Inspector):
    def inspect(self, path, name):
        words = {BREAKS!r}[name.date.day - 1] + {FORGED!r}
        if name.version.quality == 1:
            raise NotMine("no" + words)
        if name.version.quality == 2:
            raise RuntimeError("no" + words)
        return "no" + words
"""


def test_no_inspector_forges_a_line(fenced: Mission, terminal: Terminal) -> None:
    fenced.inspector("liar.py", LIAR)
    fenced.create(product("raw", 0, inspector="liar.py"))
    names = [name_of("raw", day + 1, f"1.{how}.0") for day in range(len(BREAKS)) for how in range(3)]
    fenced.deliver(*names)
    done = fenced.run(status=1)
    assert set(fenced.quarantined().values()) == {"no_product", "inspector_failed"}
    check_lines(done.err, "quarantined raw_2020")
    assert len(done.err.splitlines()) == len(names)
    check_log(fenced)
    terminal.check(fenced, *TELLING)


LAST_WORDS = """#!/bin/sh
day=$(echo "$1" | sed 's/.*202001\\(..\\).*/\\1/')
cat "WORDS/$day"
exit 3
"""


@pytest.mark.in_processes
def test_no_job_forges_a_line(mission: Mission, terminal: Terminal) -> None:
    words = mission.root / "words"
    words.mkdir()
    for day, wrong in enumerate(BREAKS, start=1):
        (words / f"{day:02d}").write_bytes(f"no{wrong}{FORGED}".encode())
    (words / "13").write_bytes(b"no\x00\xff\xc3\x28" + FORGED.encode())
    (words / "14").write_bytes(b"")
    mission.code("to_clean.sh", LAST_WORDS.replace("WORDS", str(words)))
    mission.create(product("raw", 0), product("clean", 1), process("to_clean", "clean", ["raw"]))
    mission.deliver(*RAW[:14])
    done = mission.run(status=1)
    assert len(mission.attempts()) == 14
    check_lines(done.err, "failed to_clean 2020-01-")
    assert all(message.isprintable() for message in mission.messages())
    check_log(mission)
    terminal.check(mission, ["status"], ["plan"], ["why", "clean", "2020-01-01"])


# --- secrets ---


SECRET, ENCODED = "s3cret", "s3cr%65t"

SPY = """
import os
from dbproc.products import Facts, Inspector

class Spy(Inspector):
    def inspect(self, path, name):
        with open("SEEN", "a") as out, open("/proc/self/cmdline") as words:
            out.write(repr(dict(os.environ)) + words.read())
        return Facts()
"""
SPYING = """#!/bin/sh
{ env; tr '\\0' ' ' < /proc/self/cmdline; echo "$0 $@"; } >> SEEN
env
case "$2" in *20200101*) exit 3;; esac
cat "$2" > "$3"
"""


def test_nobody_sees_the_password_of_the_database(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mission = Mission(tmp_path / "mission", postgres_database)
    url = postgres_database.replace("@", f":{ENCODED}@", 1)
    for name, value in {"DBPROC_MISSION": url, "PGPASSWORD": SECRET, "PGUSER": "postgres"}.items():
        monkeypatch.setenv(name, value)
    seen = tmp_path / "seen"
    mission.inspector("spy.py", SPY.replace("SEEN", str(seen)))
    mission.code("to_clean.sh", SPYING.replace("SEEN", str(seen)))
    mission.write(
        product("raw", 0, inspector="spy.py"),
        product("clean", 1),
        process("to_clean", "clean", ["raw"], arguments=["-m=$DBPROC_MISSION$PGPASSWORD"]),
    )
    mission.deliver(RAW[0], RAW[1], "unknown")
    for command in commands(mission, url):
        main(command)
    for damage in ("UPDATE alembic_version SET version_num = '0000'", "DROP TABLE alembic_version"):
        mission.execute(damage)
        for command in (["run"], ["status", "-m", url]):
            main(command)
    said = capsys.readouterr()
    check_hidden(said.out + said.err, "postgresql://postgres:***@", "built clean_20200102", "not a dbproc database")
    check_hidden(seen.read_text(), "DBPROC_JOB=", "dbproc.products.pool.worker")
    logs = "".join(path.read_text() for path in (mission.root / ".dbproc").rglob("*.log"))
    check_hidden(logs, "failed to_clean 2020-01-01", "DBPROC_JOB=", "-m=$DBPROC_MISSION$PGPASSWORD")
    check_hidden(repr(mission.tables()), "clean_20200102")


def commands(mission: Mission, url: str) -> list[list[str]]:
    """All commands, in good use and in bad."""
    good = [
        ["init", url],
        ["apply", str(mission.file)],
        ["run"],
        ["retry"],
        ["process", "-m", url],
        ["export"],
        ["upgrade"],
    ]
    asking = [
        ["status"],
        ["status", "--json"],
        ["plan"],
        ["queue"],
        ["check"],
        ["quarantine", "list"],
        ["lineage", RAW[1]],
    ]
    why = [["why", name_of("clean", 2)], ["why", "clean", "2020-01-01"], ["why", "nothing"]]
    bad = [
        ["init", url],
        ["unlock", "--reason", "why"],
        ["status", "--no-such-option"],
        ["run", "-o", "none"],
        ["status", url],
        [url],
        ["why", url],
        ["status", "-m", url + "x"],
    ]
    return [*good, *asking, *why, *bad, ["init", f"postgresql://postgres@/x?host=/nowhere&password={SECRET}"]]


def check_hidden(text: str, *expected: str) -> None:
    """A text has what it is to have, and no password."""
    for words in expected:
        assert words in text
    assert SECRET not in text
    assert ENCODED not in text


@pytest.mark.parametrize("place", ["incoming", "quarantine"])
def test_a_link_that_is_made_later_leads_no_output_into_another_directory(fenced: Mission, place: str) -> None:
    fenced.create(
        product("raw", 0, directory="data/raw"),
        product("clean", 1, directory="day"),
        process("to_clean", "clean", ["raw"]),
    )
    (fenced.root / "day").symlink_to(place)
    fenced.deliver(RAW[0])
    done = fenced.run(status=1)
    assert "'day' leads into" in done.out + done.err
    assert fenced.names("clean") == []
    assert fenced.run(status=0).out.count("quarantined") == 0
