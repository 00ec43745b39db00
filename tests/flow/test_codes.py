"""Codes that fail, hang, write something else, are not there or change under an unchanged version."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import resource
from pathlib import Path

import psutil
import pytest

from tests.kit.mission import Mission, chain, name_of, process, product

RAW = [name_of("raw", day) for day in (1, 2, 3)]
FAILING_ON_DAY_2 = """#!/bin/sh
case "$1" in *20200102*) FAULT;; esac
printf 'clean(%s)' "$(cat "$1")" > "$2"
"""

FAULTS = {
    "exits": ("echo it is broken; exit 3", "exit status 3"),
    "is killed": ("kill -SEGV $$", "killed by SIGSEGV"),
    "writes nothing": ("exit 0", "is not there; it wrote nothing"),
    "writes an empty file": (': > "$2"; exit 0', "is empty"),
    "writes another name": ("echo x > other.txt; exit 0", "it wrote other.txt instead"),
    "writes a directory": ('mkdir "$2"; exit 0', "is not a regular file"),
    "writes a link": ('ln -s "$1" "$2"; exit 0', "is not a regular file"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failed_job_says_how_and_leaves_the_others_alone(fault: str, sqlite_mission: Mission) -> None:
    command, message = FAULTS[fault]
    sqlite_mission.code("to_clean.sh", FAILING_ON_DAY_2.replace("FAULT", command))
    mission = sqlite_mission.create(*chain())
    mission.deliver(*RAW)
    done = mission.run(status=1)
    assert message in done.err
    assert "to_clean 2020-01-02" in done.err
    assert mission.names("clean") == [name_of("clean", 1), name_of("clean", 3)]
    assert mission.names("smooth") == [name_of("smooth", 1), name_of("smooth", 3)]
    assert message in mission.messages()[0]


def test_the_log_of_a_failed_job_is_kept_with_its_command_line_on_top(mission: Mission) -> None:
    mission.code("to_clean.sh", "#!/bin/sh\necho said on stdout\necho said on stderr >&2\nexit 3\n")
    mission.create(*chain(arguments=["--limit", "two words"]))
    mission.deliver(RAW[0])
    done = mission.run(status=1)
    (log,) = mission.rows("SELECT log_path FROM attempt")[0]
    assert log in done.err
    lines = Path(log).read_text().splitlines()
    assert re.match(rf".*/to_clean\.sh --limit 'two words' .*/{RAW[0]} .*/clean_20200101_v1\.0\.0\.txt$", lines[0])
    assert lines[-2:] == ["said on stdout", "said on stderr"]


def test_a_code_that_is_not_there_or_not_executable_is_named(sqlite_mission: Mission) -> None:
    blocks = [
        product("raw", 0),
        *(product(name, 1) for name in ("gone", "dull", "good")),
        *(process(f"to_{name}", name, ["raw"]) for name in ("gone", "dull", "good")),
    ]
    sqlite_mission.create(*blocks)
    (sqlite_mission.codes / "to_gone.sh").unlink()
    (sqlite_mission.codes / "to_dull.sh").chmod(0o644)
    sqlite_mission.deliver(RAW[0])
    done = sqlite_mission.run(status=1)
    assert "to_gone.sh does not exist" in done.err
    assert "to_dull.sh is not executable" in done.err
    assert sorted(sqlite_mission.files()) == [name_of("good", 1), RAW[0]]


def test_a_code_without_an_interpreter_cannot_be_started_and_says_so(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(RAW[0])
    for text, said in (
        ("#!/no/such/interpreter\n", "names the interpreter /no/such/interpreter, which does not exist"),
        ("#!/bin/sh\r\n", "its first line ends in CR"),
        ("echo\n", "it has no interpreter line"),
    ):
        sqlite_mission.code("to_clean.sh", text)
        done = sqlite_mission.run(status=1)
        assert said in done.err
        assert "No such file" not in done.err
        assert said.split(" /")[0] in sqlite_mission.dbproc("check", status=1).out


def test_a_code_that_was_not_there_is_run_as_soon_as_it_is(mission: Mission) -> None:
    mission.create(*chain())
    (mission.codes / "to_clean.sh").unlink()
    mission.deliver(RAW[0])
    mission.run(status=1)
    mission.code("to_clean.sh")
    mission.run()
    assert mission.names("clean") == [name_of("clean", 1)]


def test_a_code_that_was_not_executable_is_run_as_soon_as_it_is(mission: Mission) -> None:
    mission.create(*chain())
    (mission.codes / "to_clean.sh").chmod(0o644)
    mission.deliver(RAW[0])
    mission.run(status=1)
    (mission.codes / "to_clean.sh").chmod(0o755)
    mission.run()
    assert mission.names("clean") == [name_of("clean", 1)]


# --- time limit ---


def test_a_code_that_hangs_is_ended_with_all_its_children(sqlite_mission: Mission) -> None:
    sqlite_mission.code(
        "to_clean.sh",
        f"#!/bin/sh\nsleep 86399 & echo $! > {sqlite_mission.root}/child\n(sleep 86399 &)\nsleep 86399\n",
    )
    sqlite_mission.create(*chain(time_limit_seconds=1.0))
    sqlite_mission.deliver(RAW[0])
    done = sqlite_mission.run(status=1)
    assert "ran longer than 1 s" in done.err
    child = int((sqlite_mission.root / "child").read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    assert not [p for p in psutil.process_iter(["cmdline"]) if "86399" in (p.info["cmdline"] or [])]


@pytest.mark.thorough
def test_a_code_that_ignores_the_order_to_end_is_killed(sqlite_mission: Mission) -> None:
    sqlite_mission.code("to_clean.sh", "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
    sqlite_mission.create(*chain(time_limit_seconds=0.5))
    sqlite_mission.deliver(RAW[0])
    assert "ran longer than 0.5 s" in sqlite_mission.run(status=1).err


def test_children_that_outlive_their_code_are_ended(sqlite_mission: Mission) -> None:
    sqlite_mission.code(
        "to_clean.sh", f'#!/bin/sh\nsleep 86398 & echo $! > {sqlite_mission.root}/child\ncat "$1" > "$2"\n'
    )
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(RAW[0])
    sqlite_mission.run()
    assert sqlite_mission.names("clean") == [name_of("clean", 1)]
    assert not [p for p in psutil.process_iter(["cmdline"]) if "86398" in (p.info["cmdline"] or [])]


def test_a_code_that_changes_its_input_has_failed(mission: Mission) -> None:
    mission.code("to_clean.sh", '#!/bin/sh\ncp "$1" "$2"\ncase "$1" in *0102*) echo more >> "$1";; esac\n')
    mission.create(*chain())
    mission.deliver(*RAW[:2])
    said = mission.run(status=1).err
    assert mission.names("clean") == [name_of("clean", 1)]
    path = mission.files()[RAW[1]].path
    assert f"failed to_clean 2020-01-02: it changed its input {path}, which no code may do" in said
    path.write_text("raw_20200102")


def test_a_code_without_output_that_replaces_its_input_has_failed(sqlite_mission: Mission) -> None:
    sqlite_mission.code("announce.sh", '#!/bin/sh\ncp "$1" copy; mv copy "$1"\n')
    sqlite_mission.create(product("raw", 0), process("announce", None, ["raw"], "RUN"))
    sqlite_mission.deliver(RAW[0])
    assert "failed announce 2020-01-01: it changed its input" in sqlite_mission.run(status=1).err


# --- trying again ---


def test_a_failed_job_is_tried_again_after_its_delay_until_it_is_given_up(mission: Mission) -> None:
    mission.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    mission.create(*chain(), retry_seconds=0, retry_limit=3)
    mission.deliver(RAW[0])
    for _ in range(3):
        mission.run(status=1)
    tried = mission.rows("SELECT failures, next_try_time IS NULL FROM attempt ORDER BY attempt_id")
    assert [(row[0], bool(row[1])) for row in tried] == [(1, False), (2, False), (3, True)]
    mission.run()
    assert len(mission.attempts()) == 3


def test_a_code_has_a_limit_of_its_own(sqlite_mission: Mission) -> None:
    for name in ("to_clean.sh", "to_rough.sh"):
        sqlite_mission.code(name, "#!/bin/sh\nexit 3\n")
    rough = process("to_rough", "rough", ["raw"], retry_limit=1)
    sqlite_mission.create(*chain(), product("rough", 1), rough, retry_seconds=0, retry_limit=2)
    sqlite_mission.deliver(RAW[0])
    for status in (1, 1, 0):
        sqlite_mission.run(status=status)
    tried = sqlite_mission.rows("SELECT process_id, count(*) FROM attempt GROUP BY process_id ORDER BY process_id")
    assert [count for _, count in tried] == [2, 1]


def test_no_delay_of_a_code_is_longer_than_its_longest(sqlite_mission: Mission) -> None:
    sqlite_mission.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    sqlite_mission.create(*chain(retry_longest_seconds=0), retry_seconds=3600)
    sqlite_mission.deliver(RAW[0])
    for _ in range(2):
        sqlite_mission.run(status=1)
    assert len(sqlite_mission.attempts()) == 2


@pytest.mark.parametrize(
    "ahead",
    [
        {"next_try_time": 365 * 24},
        {"created_time": 2, "start_time": 2, "end_time": 2, "next_try_time": 3},
        {"end_time": 2, "next_try_time": 3},
    ],
    ids=["further than any delay", "made in time to come", "the clock moved while it ran"],
)
def test_a_clock_that_was_ahead_delays_nothing(mission: Mission, ahead: dict[str, int]) -> None:
    mission.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    mission.create(*chain(), retry_seconds=1800)
    mission.deliver(RAW[0])
    mission.run(status=1)
    mission.run()
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    times = ", ".join(f"{column} = '{now + dt.timedelta(hours=hours)}'" for column, hours in ahead.items())
    mission.execute("SET TIME ZONE 'UTC'; " * ("://" in mission.database) + f"UPDATE attempt SET {times}")
    assert [task["process"] for task in mission.dbproc("plan", "--json").json["tasks"]] == ["to_clean", "to_smooth"]
    mission.run(status=1)
    assert [status for _, _, status in mission.attempts()] == ["failed", "failed"]
    mission.run()
    assert len(mission.attempts()) == 2


def test_a_failed_job_is_not_tried_again_before_its_delay(mission: Mission) -> None:
    mission.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    mission.create(*chain(), retry_seconds=3600)
    mission.deliver(RAW[0])
    mission.run(status=1)
    before = mission.state()
    mission.run()
    assert mission.state() == before
    (problem,) = mission.rows("SELECT next_try_time FROM attempt")
    assert problem[0] is not None


def test_a_job_that_fails_once_succeeds_when_it_is_tried_again(mission: Mission) -> None:
    mission.code("to_clean.sh", f'#!/bin/sh\nmkdir {mission.root}/once 2> /dev/null && exit 3\ncat "$1" > "$2"\n')
    mission.create(*chain(), retry_seconds=0)
    mission.deliver(RAW[0])
    mission.run(status=1)
    mission.run()
    assert sorted(mission.files()) == sorted(name_of(name, 1) for name in ("raw", "clean", "smooth"))
    before = mission.state()
    mission.run()
    assert mission.state() == before


@pytest.mark.parametrize("policy", ["bump", "accept"])
@pytest.mark.parametrize("retry_limit", [pytest.param(1, marks=pytest.mark.thorough), 8])
def test_a_failed_job_is_tried_again_at_once_when_its_code_changes(
    policy: str, retry_limit: int, sqlite_mission: Mission
) -> None:
    sqlite_mission.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    mission = sqlite_mission.create(*chain(), retry_limit=retry_limit, on_code_edit=policy)
    mission.deliver(RAW[0])
    mission.run(status=1)
    mission.code("to_clean.sh")
    mission.run()
    assert mission.names("clean") == [name_of("clean", 1)]


def test_a_failed_job_is_tried_again_at_once_when_its_inputs_change(mission: Mission) -> None:
    mission.code("to_clean.sh", '#!/bin/sh\ngrep bad "$1" && exit 3\ncat "$1" > "$2"\n')
    mission.create(*chain(), retry_limit=1)
    mission.deliver(RAW[0], content="bad")
    mission.run(status=1)
    mission.deliver(name_of("raw", 1, "1.0.1"), content="good")
    mission.run()
    assert mission.content(name_of("clean", 1)) == "good"


def test_what_a_failed_job_made_before_stays_the_newest(mission: Mission) -> None:
    mission.code("to_clean.sh", '#!/bin/sh\ngrep bad "$1" && exit 3\ncat "$1" > "$2"\n')
    mission.create(*chain())
    mission.deliver(RAW[0], content="good")
    mission.run()
    mission.deliver(name_of("raw", 1, "1.1.0"), content="bad")
    mission.run(status=1)
    assert mission.names("clean") == [name_of("clean", 1)]
    assert mission.names("smooth") == [name_of("smooth", 1)]
    why = mission.dbproc("why", "clean", "2020-01-01", "--json").json
    assert why["state"] == "delayed"
    assert "exit status 3" in json.dumps(why)


# --- silent edits ---


@pytest.mark.both_databases
def test_a_code_edited_under_its_version_counts_as_the_next_revision(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(RAW[0])
    mission.run()
    mission.code("to_clean.sh", '#!/bin/sh\nprintf "edited(%s)" "$(cat "$1")" > "$2"\n')
    done = mission.run()
    assert "to_clean.sh" in done.out
    assert mission.content(name_of("clean", 1, "1.0.1")) == "edited(raw_20200101)"
    assert mission.content(name_of("smooth", 1, "1.0.1")) == "smooth(edited(raw_20200101))"
    assert mission.files()[name_of("clean", 1, "1.0.1")].code == "1.0.1"
    before = mission.state()
    mission.run()
    assert mission.state() == before
    rows = mission.tables("logging")
    mission.define(*chain())
    assert mission.tables("logging") == rows


def test_an_edited_code_that_is_to_be_refused_is_not_run_until_it_is_released(mission: Mission) -> None:
    mission.create(*chain(), on_code_edit="refuse")
    mission.deliver(RAW[0])
    mission.run()
    mission.code("to_clean.sh", '#!/bin/sh\nprintf "edited(%s)" "$(cat "$1")" > "$2"\n')
    mission.deliver(RAW[1])
    for _ in range(2):
        done = mission.run(status=1)
        assert "to_clean.sh" in done.err
        assert mission.names("clean") == [name_of("clean", 1)]
    mission.define(*chain(version="1.0.1"), on_code_edit="refuse")
    mission.run()
    assert mission.content(name_of("clean", 1, "1.0.1")) == "edited(raw_20200101)"
    assert mission.content(name_of("clean", 2)) == "edited(raw_20200102)"


def test_an_edited_code_that_is_to_be_accepted_rebuilds_nothing(mission: Mission) -> None:
    mission.create(*chain(), on_code_edit="accept")
    mission.deliver(RAW[0])
    mission.run()
    mission.code("to_clean.sh", '#!/bin/sh\nprintf "edited(%s)" "$(cat "$1")" > "$2"\n')
    mission.deliver(RAW[1])
    done = mission.run()
    assert "accepted" in done.out
    assert mission.content(name_of("clean", 1)) == "clean(raw_20200101)"
    assert mission.content(name_of("clean", 2)) == "edited(raw_20200102)"


def test_a_code_that_was_only_touched_is_the_same(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(RAW[0])
    sqlite_mission.run()
    os.utime(sqlite_mission.codes / "to_clean.sh", (1, 1))
    done = sqlite_mission.run()
    assert (done.out, done.err) == ("", "")
    assert sqlite_mission.names("clean") == [name_of("clean", 1)]


def test_a_code_edited_while_its_job_waits_is_not_taken_for_the_old_one(sqlite_mission: Mission) -> None:
    """Its first job edits it: what the others make must not pass for the work of the code that was looked at."""
    sqlite_mission.create(*chain())
    edit = sqlite_mission.codes / "to_clean.sh"
    sqlite_mission.code(
        "to_clean.sh", f'#!/bin/sh\nprintf "first(%s)" "$(cat "$1")" > "$2"\necho "# edited" >> {edit}\nexit 0\n'
    )
    sqlite_mission.deliver(RAW[0])
    sqlite_mission.run()
    sqlite_mission.code("to_clean.sh")
    sqlite_mission.run()
    newest = sqlite_mission.rows("SELECT filename FROM newest_file WHERE filename LIKE 'clean%'")
    assert [sqlite_mission.content(name) for (name,) in newest] == ["clean(raw_20200101)"]


# --- what a job finds ---


def test_a_job_runs_in_a_fresh_directory_of_its_own(sqlite_mission: Mission) -> None:
    sqlite_mission.code("to_clean.sh", '#!/bin/sh\n{ pwd; ls -A; } > here\nmv here "$2"\nls -A >&2\n')
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(*RAW)
    sqlite_mission.run()
    places = [sqlite_mission.content(name_of("clean", day)).split("\n") for day in (1, 2, 3)]
    assert len({place[0] for place in places}) == 3
    assert {tuple(place[1:]) for place in places} == {("here", "")}
    assert all(place[0].startswith(str(sqlite_mission.root)) for place in places)


def test_arguments_have_their_fields_filled_in(sqlite_mission: Mission) -> None:
    words = ["{Y}-{m}-{d}", "{DATE}", "{CODEVERSION}", "{ROOTDIR}", "two words", "{other}", "it's", "*"]
    blocks = [
        product("raw", 0),
        product("clean", 1),
        process("to_clean", "clean", ["raw"], keys={"extra_params": ["--first", "a b"]}, arguments=words),
    ]
    sqlite_mission.code("to_clean.sh", '#!/bin/sh\nfor last; do :; done\nprintf "%s\\n" "$@" > "$last"\n')
    sqlite_mission.create(*blocks)
    sqlite_mission.deliver(RAW[0])
    sqlite_mission.run()
    got = sqlite_mission.content(name_of("clean", 1)).splitlines()
    root = str(sqlite_mission.root)
    assert got[:-2] == ["--first", "a b", "2020-01-01", "20200101", "1.0.0", root, "two words", "{other}", "it's", "*"]
    assert got[-2] == f"{root}/data/raw/{RAW[0]}"


def test_a_job_reads_nothing_from_the_terminal(sqlite_mission: Mission) -> None:
    sqlite_mission.code("to_clean.sh", '#!/bin/sh\nread line && exit 3\ncat "$1" > "$2"\n')
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(RAW[0])
    sqlite_mission.run()


def test_a_job_that_removes_its_own_directory_has_failed(sqlite_mission: Mission) -> None:
    sqlite_mission.code("to_clean.sh", '#!/bin/sh\ncd /; rm -r "$(dirname "$2")"\n')
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(RAW[0])
    assert "to_clean 2020-01-01" in sqlite_mission.run(status=1).err


def test_a_mission_set_up_anew_in_the_same_folder_runs_in_spite_of_old_logs(sqlite_mission: Mission) -> None:
    sqlite_mission.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(RAW[0])
    sqlite_mission.run(status=1)
    for path in sqlite_mission.root.parent.glob("mission.sqlite*"):
        path.unlink()
    (sqlite_mission.root / "data" / "raw" / RAW[0]).rename(sqlite_mission.incoming / RAW[0])
    sqlite_mission.code("to_clean.sh")
    sqlite_mission.create(*chain())
    sqlite_mission.run()
    assert sqlite_mission.names("smooth") == [name_of("smooth", 1)]


# --- slots ---


@pytest.mark.parametrize(
    ("arguments", "keys", "most"),
    [(["-n", "1"], {}, 1), (["-n", "3"], {}, 3), (["-n", "3"], {"cpu": 2}, 1), (["-n", "1"], {"cpu": 4}, 1)],
    ids=["one slot", "three slots", "two slots each of three", "more than there are"],
)
@pytest.mark.thorough
def test_jobs_never_use_more_slots_than_there_are(
    arguments: list[str], keys: dict[str, int], most: int, sqlite_mission: Mission
) -> None:
    count_running(sqlite_mission)
    mission = sqlite_mission.create(*chain(**keys))
    mission.deliver(*(name_of("raw", day) for day in range(1, 9)))
    mission.run(*arguments)
    assert len(mission.names("clean")) == 8
    assert most_at_once(mission) <= most


def test_jobs_never_use_more_memory_than_there_is(sqlite_mission: Mission) -> None:
    count_running(sqlite_mission)
    mission = sqlite_mission.create(*chain(ram=1.5))
    mission.deliver(*(name_of("raw", day) for day in range(1, 7)))
    mission.dbproc("run", "-n", "6", "--ram", "3.2")
    assert len(mission.names("clean")) == 6
    assert 2 >= most_at_once(mission) >= 1


def count_running(mission: Mission) -> None:
    """Let each job write down how many of its kind run at the same time."""
    (mission.root / "running").mkdir()
    mission.code(
        "to_clean.sh",
        f"""#!/bin/sh
cd {mission.root}/running
: > $$; sleep 0.1; ls | wc -l >> ../counts; rm $$
cat "$1" > "$2"
""",
    )


def most_at_once(mission: Mission) -> int:
    return max(map(int, (mission.root / "counts").read_text().split()))


# --- inputs by a list ---

LISTED = """#!/bin/sh
printf 'list' > made
while IFS= read -r input; do printf '(%s)' "$(cat "$input")" >> made; done < "$1"
mv made "$2"
"""
MANY = [f"raw_202001{day:02d}_{'s' * 60} {number:03d}.txt" for day in (1, 2) for number in range(400)]


def test_a_code_is_given_a_list_of_its_inputs(mission: Mission) -> None:
    mission.code("to_clean.sh", LISTED)
    blocks = [product("raw", 0, "raw_{Y}{m}{d}_{what}.txt"), product("clean", 1)]
    made = process("to_clean", "clean", ["raw"], inputs_by="file", arguments=["{Y}"])
    mission.code("to_clean.sh", LISTED.replace("$2", "$3").replace('"$1"', '"$2"'))
    mission.create(*blocks, made)
    for name in ("raw_20200101_a b.txt", "raw_20200101_é.txt"):
        mission.deliver(name, content=name)
    mission.run()
    assert mission.content(name_of("clean", 1)) == "list(raw_20200101_é.txt)(raw_20200101_a b.txt)"
    (command,) = (json.loads(row[0]) for row in mission.rows("SELECT command_line FROM attempt"))
    assert command[1] == "2020"
    assert command[2].endswith("/.dbproc-inputs")
    assert len(command) == 4
    assert 'inputs_by = "file"' in mission.dbproc("export").out
    assert mission.dbproc("code", "show", "to_clean", "--json").json["inputs_by"] == "file"
    mission.dbproc("check")


def test_the_list_is_no_output(sqlite_mission: Mission) -> None:
    sqlite_mission.code("to_clean.sh", "#!/bin/sh\n: > other\n")
    sqlite_mission.create(*chain(inputs_by="file"))
    sqlite_mission.deliver(RAW[0])
    assert "it wrote other instead" in sqlite_mission.run(status=1).err


def test_more_inputs_than_a_command_line_takes_say_what_to_do_until_it_is_done(sqlite_mission: Mission) -> None:
    blocks = [product("raw", 0, "raw_{Y}{m}{d}_{what}.txt"), product("year", 1, "year_{Y}_v{VERSION}.txt")]
    sqlite_mission.create(*blocks, process("to_year", "year", ["raw"], "YEARLY"), retry_seconds=0, retry_limit=1)
    sqlite_mission.deliver(*MANY, content="x")
    before = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (512 * 1024, before[1]))
    try:
        for _ in range(2):  # an obstacle: not given up after retry_limit
            assert 'inputs_by = "file"' in sqlite_mission.run(status=1).err
        sqlite_mission.code("to_year.sh", LISTED)
        made = process("to_year", "year", ["raw"], "YEARLY", inputs_by="file", version="1.1.0")
        sqlite_mission.define(*blocks, made, retry_seconds=0, retry_limit=1)
        sqlite_mission.run()
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, before)
    assert sqlite_mission.content("year_2020_v1.0.0.txt") == "list" + "(x)" * len(MANY)
