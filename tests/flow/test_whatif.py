"""dbproc whatif says what a change would do, to the last descendant, and does nothing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dbproc.cli import main
from tests.kit.mission import Done, Mission, chain, name_of, process, product

INSTRUMENT = "SELECT instrument_name FROM instrument"
MADE = """
SELECT f.filename FROM attempt a JOIN file f ON f.file_id = a.output_file WHERE a.status = 'succeeded'
"""
Ask = Callable[..., Done]


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """Run a command in this process, which is to end with `status`."""

    def asked(mission: Mission, *words: str, status: int = 0) -> Done:
        capfd.readouterr()
        done = Done(main([*words, "-m", mission.database]), *capfd.readouterr())
        assert done.status == status, f"exit status {done.status}\n{done.out}\n{done.err}"
        return done

    return asked


def built(mission: Mission, days: int = 3) -> Mission:
    mission.create(*chain())
    mission.deliver(*(name_of("raw", day) for day in range(1, days + 1)))
    mission.run()
    return mission


@pytest.mark.both_databases
def test_a_release_is_foreseen_to_the_last_descendant_and_nothing_changes(mission: Mission) -> None:
    built(mission)
    before = mission.everything()
    facts = mission.dbproc("whatif", "release", "to_clean", "--version", "1.1.0", "--json").json
    assert mission.everything() == before
    files = [f"clean_2020010{day}_v1.1.0.txt" for day in (1, 2, 3)] + [
        f"smooth_2020010{day}_v1.1.0.txt" for day in (1, 2, 3)
    ]
    assert [each["file"] for each in facts["files"]] == files
    assert facts["files"][0]["reasons"] == ["code to_clean.sh changed from 1.0.0 to 1.1.0"]
    assert facts["files"][0]["replaces"] == "clean_20200101_v1.0.0.txt"
    assert [(each["level"], each["product"], each["files"]) for each in facts["products"]] == [
        (1, "clean", 3),
        (2, "smooth", 3),
    ]
    mission.define(*chain(version="1.1.0"))
    mission.run()
    made = {name for name in mission.files() if "_v1.1.0" in name}
    assert made == set(files)


@pytest.mark.thorough
def test_the_cost_is_the_median_of_what_jobs_and_files_took(sqlite_mission: Mission) -> None:
    built(sqlite_mission)
    sqlite_mission.execute("UPDATE attempt SET cpu_seconds = 3600 * process_id")
    sqlite_mission.execute("UPDATE file SET file_size = 500 WHERE filename LIKE 'clean%'")
    clean, smooth = (sqlite_mission.one(f"SELECT process_id FROM process WHERE process_name = '{name}'")
                     for name in ("to_clean", "to_smooth"))  # fmt: skip
    facts = sqlite_mission.dbproc("whatif", "release", "to_clean", "--version", "2.0.0", "--json").json
    sqlite_mission.execute("UPDATE file SET file_size = 19 WHERE filename LIKE 'clean%'")
    totals = {each["product"]: each for each in facts["products"]}
    assert totals["clean"]["cpu_hours"] == pytest.approx(3 * clean)
    assert totals["clean"]["bytes"] == 1500
    assert facts["totals"]["cpu_hours"] == pytest.approx(3 * clean + 3 * smooth)
    assert facts["totals"]["jobs_without_history"] == 0


@pytest.mark.thorough
def test_a_release_for_some_dates_leaves_the_others_with_their_code(sqlite_mission: Mission) -> None:
    built(sqlite_mission, 5)
    words = ("release", "to_smooth", "--version", "1.0.1", "--start", "2020-01-02", "--end", "2020-01-03", "--json")
    files = [each["file"] for each in sqlite_mission.dbproc("whatif", *words).json["files"]]
    assert files == ["smooth_20200102_v1.0.1.txt", "smooth_20200103_v1.0.1.txt"]


def test_what_is_forced_is_made_again_and_what_comes_from_it(sqlite_mission: Mission) -> None:
    built(sqlite_mission)
    words = ("reprocess", "--product", "clean", "--start", "2020-01-03", "--force", "0", "--json")
    facts = sqlite_mission.dbproc("whatif", *words).json
    assert [(each["file"], each["version"]) for each in facts["files"]] == [
        ("clean_20200103_v2.0.0.txt", "2.0.0"),
        ("smooth_20200102_v1.1.0.txt", "1.1.0"),
        ("smooth_20200103_v1.1.0.txt", "1.1.0"),
    ]
    assert facts["files"][0]["reasons"] == ["forced to raise interface"]
    assert sqlite_mission.dbproc("whatif", "reprocess", "--product", "clean").out == "nothing would be made\n"


@pytest.mark.parametrize(
    ("chosen", "made"),
    [
        (["--process", "to_smooth"], {"smooth"}),
        (["--code", "to_smooth.sh"], {"smooth"}),
        (["--code", "to_clean.sh", "--code-version", "1.0.0"], {"clean", "smooth"}),
        (["--level", "2"], {"smooth"}),
        (["--instrument", "default"], {"clean", "smooth"}),
        (["--product", "raw"], {"clean", "smooth"}),
        (["--file", name_of("smooth", 2)], {"smooth"}),
        (["--file", name_of("raw", 2)], {"clean", "smooth"}),
    ],
)
def test_outputs_are_chosen_by_what_made_them(
    chosen: list[str], made: set[str], one_mission: Mission, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [one_mission.one(INSTRUMENT) if word == "default" else word for word in chosen]
    assert main(["whatif", "reprocess", *words, "--force", "2", "--json", "-m", one_mission.database]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert {each["product"] for each in files} == made
    assert {each["version"] for each in files} == {"1.0.1"}


@pytest.fixture(scope="module")
def one_mission(tmp_path_factory: pytest.TempPathFactory) -> Mission:
    folder: Path = tmp_path_factory.mktemp("one")
    return built(Mission(folder / "mission", str(folder / "mission.sqlite")))


def test_a_file_is_inspected_where_it_is_and_stays_there(sqlite_mission: Mission) -> None:
    built(sqlite_mission)
    path = sqlite_mission.root / name_of("raw", 4)
    path.write_text("new")
    facts = sqlite_mission.dbproc("whatif", "file", str(path), "--json").json
    assert facts["notes"] == [f"{path.name} would be raw 2020-01-04 1.0.0"]
    assert [(each["file"], each["reasons"]) for each in facts["files"]] == [
        ("clean_20200104_v1.0.0.txt", ["no output yet"]),
        ("smooth_20200103_v1.1.0.txt", ["input clean_20200104_v1.0.0.txt added"]),
        ("smooth_20200104_v1.0.0.txt", ["no output yet"]),
    ]
    assert path.read_text() == "new"


@pytest.mark.thorough
def test_an_older_version_that_arrives_would_change_nothing(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(name_of("raw", 1, "2.0.0"))
    sqlite_mission.run()
    path = sqlite_mission.root / name_of("raw", 1)
    path.write_text("old")
    facts = sqlite_mission.dbproc("whatif", "file", str(path), "--json").json
    assert facts["files"] == []
    assert facts["notes"][1] == "raw_20200101_v2.0.0.txt is newer, and stays the one that is used"


@pytest.mark.thorough
def test_a_file_that_would_be_refused_is_said_to_be(sqlite_mission: Mission) -> None:
    built(sqlite_mission)
    path = sqlite_mission.root / name_of("raw", 1)
    path.write_text("other bytes")
    done = sqlite_mission.dbproc("whatif", "file", str(path), status=1)
    assert "would go to quarantine: same_name" in done.out
    assert "nothing would be made" in done.out


@pytest.mark.thorough
def test_a_file_of_the_catalogue_is_taken_to_have_a_new_version(sqlite_mission: Mission) -> None:
    built(sqlite_mission)
    home = sqlite_mission.files()[name_of("raw", 1)].path
    for words in ([home.name], [str(home)]):
        facts = sqlite_mission.dbproc("whatif", "file", *words, "--bump", "1", "--json").json
        assert [each["file"] for each in facts["files"]] == [
            "clean_20200101_v1.1.0.txt",
            "smooth_20200101_v1.1.0.txt",
            "smooth_20200102_v1.1.0.txt",
        ]


@pytest.mark.thorough
def test_a_long_list_is_shortened_unless_all_is_asked_for(sqlite_mission: Mission) -> None:
    built(sqlite_mission, 25)
    words = ("whatif", "release", "to_smooth", "--version", "3.0.0")
    short = sqlite_mission.dbproc(*words).out
    assert short.splitlines()[0].startswith("level 2  smooth: 25 files, ")
    assert "  … and 5 more; to see them: --all" in short
    assert sqlite_mission.dbproc(*words, "--all").out.count("smooth_") == 25
    assert short.splitlines()[-1].startswith("in all: 25 files, ")


@pytest.mark.thorough
def test_early_cutoff_is_said_to_make_less_of_it(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain(), early_cutoff=True)
    sqlite_mission.deliver(name_of("raw", 1))
    sqlite_mission.run()
    facts = sqlite_mission.dbproc("whatif", "release", "to_clean", "--version", "1.0.1", "--json").json
    assert len(facts["files"]) == 2
    assert "this is the most that can happen" in facts["notes"][0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["release", "to_clean", "--version", "1.0.0"], "1.0.0 is not above 1.0.0, the present version"),
        (["reprocess", "--start", "2020-02-01", "--end", "2020-01-01"], "the times are reversed"),
        (["reprocess"], "select what to make again: --product"),
        (["reprocess", "--product", "rough"], "no product rough; the mission has: clean, raw, smooth"),
        (["reprocess", "--code", "x.sh"], "no code x.sh; the mission has: to_clean.sh, to_smooth.sh"),
        (["reprocess", "--code", "to_clean.sh", "--code-version", "7.0.0"], "has no version 7.0.0; there is: 1.0.0"),
        (["file", "nowhere.txt"], "no file nowhere.txt in the catalogue"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(
    words: list[str], message: str, one_mission: Mission, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["whatif", *words, "-m", one_mission.database]) == 2
    assert message in capsys.readouterr().err


def foreseen(mission: Mission, ask: Ask, *release: str) -> list[str]:
    """What a release of to_clean is said to make; it is the same as what is made when it is released."""
    words = ("release", "to_clean", *release)
    files = [each["file"] for each in ask(mission, "whatif", *words, "--json").json["files"]]
    before = set(mission.files())
    ask(mission, "code", *words)
    ask(mission, "run")
    assert sorted(set(mission.files()) - before) == sorted(files)
    return files


def test_a_date_that_is_not_given_is_that_of_the_code_which_is_replaced(sqlite_mission: Mission, ask: Ask) -> None:
    sqlite_mission.create(*chain(**{"from": dt.date(2020, 1, 3)}))
    sqlite_mission.deliver(*(name_of("raw", day) for day in range(1, 7)))
    ask(sqlite_mission, "run")
    made = foreseen(sqlite_mission, ask, "--version", "2.0.0", "--end", "2020-01-04")
    assert [name for name in made if name.startswith("clean")] == [
        "clean_20200103_v1.1.0.txt",
        "clean_20200104_v1.1.0.txt",
    ]


def test_what_the_earlier_version_made_alone_stays_in_a_rollback(sqlite_mission: Mission, ask: Ask) -> None:
    built(sqlite_mission, 2)
    ask(sqlite_mission, "code", "release", "to_clean", "--version", "1.2.0", "--start", "2020-01-02")
    ask(sqlite_mission, "run")
    made = foreseen(
        sqlite_mission, ask, "--version", "1.0.0", "--rollback", "--start", "1900-01-01", "--end", "2100-12-31"
    )
    assert [name for name in made if name.startswith("clean")] == ["clean_20200102_v1.2.0.txt"]


def test_a_release_that_is_refused_is_refused_in_the_same_words(sqlite_mission: Mission, ask: Ask) -> None:
    built(sqlite_mission, 1)
    for words in (
        ["to_clean", "--version", "1.5.0", "--rollback"],
        ["to_clean", "--version", "0.9.0"],
        ["to_dirty", "--version", "2.0.0"],
        ["to_clean", "--version", "two"],
        ["to_clean", "--version", "2.0.0", "--file", "no.sh"],
        ["to_clean", "--version", "2.0.0", "--start", "2020-02-01", "--end", "2020-01-01"],
    ):
        done, asked = (ask(sqlite_mission, door, "release", *words, status=2) for door in ("code", "whatif"))
        assert asked.err.replace("dbproc whatif", "dbproc code") == done.err


def test_a_product_without_a_version_cannot_be_forced(sqlite_mission: Mission) -> None:
    blocks = [product("raw", 0), product("flat", 1, "flat_{Y}{m}{d}.txt"), process("to_flat", "flat", ["raw"])]
    sqlite_mission.create(*blocks)
    sqlite_mission.deliver(name_of("raw", 1))
    sqlite_mission.run()
    done = sqlite_mission.dbproc("whatif", "reprocess", "--product", "flat", "--force", "1", status=2)
    assert "product flat has no {VERSION} in its format" in done.err
    hindered = sqlite_mission.dbproc("whatif", "release", "to_flat", "--version", "2.0.0", "--json").json["hindered"]
    assert [each["state"] for each in hindered] == ["refused"]


def done_as_planned(mission: Mission, ask: Ask) -> list[str]:
    """What the plan says is built; it is the same as what the next run builds."""
    planned = [name for task in ask(mission, "plan", "--json").json["tasks"] for name in task["outputs"]]
    before = {row[0] for row in mission.rows(MADE)}
    ask(mission, "run")
    assert sorted(row[0] for row in mission.rows(MADE) if row[0] not in before) == sorted(planned)
    return planned


@pytest.mark.both_databases
def test_a_plan_tells_of_what_arrives_and_of_all_that_comes_from_it(mission: Mission, ask: Ask) -> None:
    built(mission, 2)
    assert ask(mission, "plan").out == "nothing to do\n"
    mission.deliver(name_of("raw", 2, "1.1.0"), name_of("raw", 3))
    said = ask(mission, "plan").out.splitlines()
    assert "would build clean_20200103_v1.0.0.txt: no output yet" in said
    assert "would then build smooth_20200103_v1.0.0.txt: no output yet" in said
    facts = ask(mission, "plan", "--json").json
    assert facts["follows"] == ["smooth"]
    assert {each["waits_for"] for each in facts["waiting"]} == {"to_clean 2020-01-02", "to_clean 2020-01-03"}
    assert len(done_as_planned(mission, ask)) == 5


@pytest.mark.both_databases
def test_a_plan_tells_of_campaigns_within_their_limits_for_a_run(mission: Mission, ask: Ask) -> None:
    built(mission, 4)
    limits = ("--campaign", "again", "--jobs-per-run", "4", "--newest-first")
    ask(mission, "reprocess", "--product", "clean", "--force", "1", *limits)
    ask(mission, "campaign", "pause", "again")
    assert ask(mission, "plan").out == "nothing to do\n"
    ask(mission, "campaign", "resume", "again")
    facts = ask(mission, "plan", "--json").json["tasks"]
    assert {task["campaign"] for task in facts} == {"again"}
    said = "would build clean_20200104_v1.1.0.txt: forced to raise quality (campaign again)"
    assert said in ask(mission, "run", "-d").out.splitlines()
    days = [done_as_planned(mission, ask)[0] for _ in range(3)]
    assert days == [name_of("clean", day, "1.1.0") for day in (4, 3, 2)]


def test_what_a_campaign_wants_and_is_built_anyhow_is_planned_once(sqlite_mission: Mission, ask: Ask) -> None:
    built(sqlite_mission, 3)
    ask(sqlite_mission, "reprocess", "--product", "clean", "--force", "0")
    sqlite_mission.deliver(name_of("raw", 2, "1.0.1"))
    assert done_as_planned(sqlite_mission, ask).count("clean_20200102_v2.0.0.txt") == 1
    assert ask(sqlite_mission, "plan").out == "nothing to do\n"


@pytest.mark.parametrize("policy", ["bump", "accept", "refuse"])
def test_a_plan_knows_what_becomes_of_an_edited_code(policy: str, sqlite_mission: Mission, ask: Ask) -> None:
    sqlite_mission.create(*chain(), on_code_edit=policy)
    sqlite_mission.deliver(name_of("raw", 1))
    ask(sqlite_mission, "run")
    sqlite_mission.code("to_clean.sh", "#!/bin/sh\necho better > $2\n")
    sqlite_mission.deliver(name_of("raw", 5))
    planned = [name for task in ask(sqlite_mission, "plan", "--json").json["tasks"] for name in task["outputs"]]
    before = set(sqlite_mission.files())
    ask(sqlite_mission, "run", status=int(policy == "refuse"))
    assert sorted(set(sqlite_mission.files()) - before - {name_of("raw", 5)}) == sorted(planned)
    assert (name_of("clean", 5) in planned) == (policy != "refuse")
    assert (name_of("clean", 1, "1.0.1") in planned) == (policy == "bump")


def test_an_output_that_is_lost_and_delivered_again_is_not_built_again(sqlite_mission: Mission, ask: Ask) -> None:
    built(sqlite_mission, 1)
    lost = sqlite_mission.files()[name_of("clean", 1)].path
    kept = lost.rename(sqlite_mission.root.parent / lost.name)
    ask(sqlite_mission, "check", "--repair")
    assert ask(sqlite_mission, "whatif", "file", str(kept), "--json").json["files"] == []
    kept.rename(sqlite_mission.incoming / lost.name)
    assert done_as_planned(sqlite_mission, ask) == []
