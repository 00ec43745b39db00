"""What is asked to be made again is made again: once, in its order, within its limits, and after everything else."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dbproc.cli import main
from dbproc.core.states import ItemStatus
from dbproc.database import campaigns
from dbproc.database.store import open_store
from tests.kit.mission import JOIN, Mission, chain, kill, name_of, process, product, wait_for

RAW = [name_of("raw", day) for day in range(1, 7)]

FAILING = """#!/bin/sh
if [ -e ROOT/broken ]; then echo broken >&2; exit 3; fi
printf 'clean(%s)' "$(cat "$1")" > "$2"
"""
SLOW = """#!/bin/sh
if [ -e ROOT/slow ]; then echo "$2" >> ROOT/began; sleep 0.7; fi
printf 'clean(%s)' "$(cat "$1")" > "$2"
"""


def plain(**code: Any) -> list[str]:
    """From raw to clean, and no further."""
    return [product("raw", 0), product("clean", 1), process("to_clean", "clean", ["raw"], **code)]


def built(mission: Mission, *blocks: str, days: int = 3, **keys: object) -> Mission:
    """A mission with files of the first days of January, all built."""
    mission.create(*(blocks or chain()), **keys)
    mission.deliver(*RAW[:days])
    mission.run()
    return mission


def force(mission: Mission, *words: str, part: int = 2, status: int = 0) -> str:
    done = mission.dbproc("reprocess", *words, "--force", str(part), status=status)
    return done.out if status == 0 else done.err


def campaign(mission: Mission, name: str = "again") -> dict[str, int]:
    """How many items of a campaign are at what."""
    return dict(
        mission.rows(
            "SELECT i.status, count(*) FROM campaignitem i JOIN campaign c ON c.campaign_id = i.campaign_id "
            f"WHERE c.campaign_name = '{name}' GROUP BY i.status"
        )
    )


def jobs(mission: Mission) -> list[tuple[str, str]]:
    """Process and day of each attempt that was made for a campaign, in their order."""
    rows = mission.rows(
        "SELECT p.process_name, a.utc_file_date FROM attempt a JOIN process p ON p.process_id = a.process_id "
        "WHERE a.campaign_id IS NOT NULL ORDER BY a.attempt_id"
    )
    return [(name, str(date)[-2:]) for name, date in rows]


def is_idle(mission: Mission) -> bool:
    before = mission.state()
    mission.run()
    return mission.state() == before


# --- what is selected ---


@pytest.mark.parametrize(("part", "version"), [(0, "2.0.0"), (1, "1.1.0"), (2, "1.0.1")])
@pytest.mark.thorough
def test_what_is_forced_rises_in_the_part_that_was_named_and_once(
    sqlite_mission: Mission, part: int, version: str
) -> None:
    mission = built(sqlite_mission, *plain(), days=2)
    assert "2 outputs" in force(mission, "--product", "clean", part=part)
    mission.run()
    assert mission.names("clean") == sorted(
        name_of("clean", day, each) for day in (1, 2) for each in ("1.0.0", version)
    )
    assert is_idle(mission)


@pytest.mark.thorough
def test_each_way_to_select_comes_to_the_outputs_that_it_names(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission)

    def selected(*words: str) -> list[str]:
        done = mission.dbproc("reprocess", *words, "--force", "2", "--dry-run", "--json").json
        return sorted(row["output"] for row in done["outputs"])

    clean, smooth = ([name_of(product, day, "1.0.1") for day in (1, 2, 3)] for product in ("clean", "smooth"))
    before = mission.everything()
    assert selected("--product", "clean") == selected("--process", "to_clean") == selected("--level", "1") == clean
    assert selected("--code", "to_smooth.sh") == selected("--code", "to_smooth", "--code-version", "1.0.0") == smooth
    assert selected("--product", "raw", "--start", "2020-01-02", "--end", "2020-01-02") == clean[1:2]
    assert selected("--instrument", "test", "--start", "2020-01-03") == [clean[2], smooth[2]]
    assert selected("--file", name_of("smooth", 2)) == smooth[1:2]
    assert selected("--file", RAW[0]) == clean[:1]
    assert mission.everything() == before


@pytest.mark.thorough
def test_without_force_only_what_is_stale_is_queued_again(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission)
    assert "none is stale" in mission.dbproc("reprocess", "--level", "1").out
    mission.deliver(name_of("raw", 2, "1.1.0"), content="better")
    mission.run("-i")
    mission.dbproc("queue", "--flush")
    assert is_idle(mission)
    assert "1 outputs are stale" in mission.dbproc("reprocess", "--level", "1").out
    mission.run()
    assert name_of("clean", 2, "1.1.0") in mission.files()
    assert name_of("smooth", 1, "1.1.0") in mission.files()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--product", "rew"], "no product rew; did you mean raw?"),
        (["--process", "x"], "no process x; the mission has: to_clean, to_smooth"),
        (["--code", "x"], "no code x; the mission has: to_clean.sh, to_smooth.sh"),
        (["--code", "to_clean", "--code-version", "9.0.0"], "has no version 9.0.0; there is: 1.0.0"),
        (["--instrument", "x"], "no instrument x; the mission has: test"),
        (["--file", "raw_2"], "no file raw_2 in the catalogue; did you mean raw_2020"),
        (["--start", "2020-01-02", "--end", "2020-01-01"], "2020-01-02 is after 2020-01-01"),
        ([], "select what to make again"),
        (["--level", "1", "--campaign", "again"], "there is a campaign again already"),
        (["--level", "1", "--jobs-per-run", "1"], "--campaign NAME"),
    ],
)
def test_what_cannot_be_selected_is_refused_with_what_can(words: list[str], message: str, shared: Mission) -> None:
    before = shared.everything()
    assert message in force(shared, *words, status=2)
    assert shared.everything() == before


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Mission:
    """A mission with a campaign, which no test changes."""
    folder: Path = tmp_path_factory.mktemp("shared")
    mission = built(Mission(folder / "mission", str(folder / "mission.sqlite")), days=1)
    force(mission, "--level", "1", "--campaign", "again")
    return mission


@pytest.mark.thorough
def test_a_product_without_a_version_is_not_forced_and_an_empty_selection_is_said(sqlite_mission: Mission) -> None:
    blocks = [product("raw", 0), product("clean", 1, "clean_{Y}{m}{d}.txt"), process("to_clean", "clean", ["raw"])]
    mission = built(sqlite_mission, *blocks, days=1)
    assert "product clean has no {VERSION} in its format" in force(mission, "--product", "clean", status=2)
    assert "no output matches the selection" in mission.dbproc("reprocess", "--level", "7").out


# --- campaigns ---


def test_a_campaign_goes_by_dates_in_its_order_and_lower_levels_come_first(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission)
    force(mission, "--start", "2020-01-01", "--campaign", "again", "--newest-first")
    out = mission.run("-n", "1").out
    days = [day for name, day in jobs(mission) if name == "to_clean"]
    assert days == ["03", "02", "01"]
    assert len(jobs(mission)) == 6
    assert "campaign again: 6 jobs in this run; done: 6 done" in out
    assert mission.files()[name_of("smooth", 2, "1.0.1")].inputs == {name_of("clean", d, "1.0.1") for d in (1, 2, 3)}
    assert is_idle(mission)


@pytest.mark.thorough
def test_a_run_does_no_more_jobs_than_the_limit_with_what_follows_from_them(mission: Mission) -> None:
    built(mission, *plain(), days=5)
    force(mission, "--product", "clean", "--campaign", "again", "--jobs-per-run", "2")
    for done in (2, 4, 5):
        mission.run()
        assert campaign(mission)["done"] == len(jobs(mission)) == done
    facts = mission.dbproc("campaign", "show", "again", "--json").json
    assert (facts["status"], facts["jobs"], facts["items"]["waiting"]) == ("done", 5, 0)
    assert [day for _, day in jobs(mission)] == ["01", "02", "03", "04", "05"]
    assert is_idle(mission)


@pytest.mark.thorough
def test_what_follows_from_an_item_counts_and_the_first_item_always_goes(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission)
    force(mission, "--product", "clean", "--campaign", "again", "--jobs-per-run", "3")
    mission.run()
    assert campaign(mission) == {"done": 1, "waiting": 2}
    assert sorted(jobs(mission)) == [("to_clean", "01"), ("to_smooth", "01"), ("to_smooth", "02")]


@pytest.mark.thorough
def test_a_run_ends_a_campaign_when_its_cpu_hours_are_spent(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission, *plain(), days=4)
    force(mission, "--product", "clean", "--campaign", "again", "--cpu-hours-per-run", "0.0000001")
    mission.run("-n", "1")
    assert campaign(mission) == {"done": 1, "waiting": 3}


def test_new_files_do_not_wait_for_a_campaign(sqlite_mission: Mission) -> None:
    mission = slow(sqlite_mission)
    force(mission, "--product", "clean", "--campaign", "again")
    run = mission.start("-n", "1")
    wait_for((mission.root / "began").exists, "the campaign to begin")
    mission.deliver(RAW[5])
    assert run.communicate(timeout=60)[1] == ""
    order = [date[-2:] for _, date, _ in mission.attempts()][5:]
    assert order.index("06") < 5
    assert sorted(order) == ["01", "02", "03", "04", "05", "06"]
    assert campaign(mission) == {"done": 5}


def have_begun(began: Path, count: int) -> bool:
    return began.exists() and len(began.read_text().split()) >= count


def slow(mission: Mission, days: int = 5) -> Mission:
    """A mission whose jobs take a while from now on."""
    mission.code("to_clean.sh", SLOW.replace("ROOT", str(mission.root)))
    built(mission, *plain(), days=days)
    (mission.root / "slow").touch()
    return mission


@pytest.mark.thorough
def test_a_paused_campaign_rests_until_it_is_resumed_and_a_cancelled_one_for_good(sqlite_mission: Mission) -> None:
    mission = slow(sqlite_mission, 6)
    force(mission, "--product", "clean", "--campaign", "again")
    run = mission.start("-n", "1")
    wait_for((mission.root / "began").exists, "the campaign to begin")
    mission.dbproc("campaign", "pause", "again")
    assert run.communicate(timeout=60)[1] == ""
    (mission.root / "slow").unlink()
    done = campaign(mission)["done"]
    assert 0 < done < 6
    assert is_idle(mission)
    assert (
        "is paused; only one that is active can be paused" in mission.dbproc("campaign", "pause", "again", status=2).err
    )
    mission.dbproc("campaign", "resume", "again")
    mission.run()
    assert campaign(mission) == {"done": 6}
    assert "is done; only one" in mission.dbproc("campaign", "pause", "again", status=2).err
    assert "no campaign other; the mission has: again" in mission.dbproc("campaign", "show", "other", status=2).err

    force(mission, "--product", "clean", "--campaign", "more")
    mission.dbproc("campaign", "cancel", "more")
    assert is_idle(mission)
    assert [row["status"] for row in mission.dbproc("campaign", "list", "--json").json] == ["done", "cancelled"]


@pytest.mark.both_databases
def test_a_campaign_survives_kills_and_makes_each_item_once(mission: Mission) -> None:
    slow(mission, 4)
    force(mission, "--product", "clean", "--campaign", "again")
    began = mission.root / "began"
    for count in (1, 3):
        run = mission.start("-n", "1")
        wait_for(partial(have_begun, began, count), "jobs to begin")
        kill(run)
    mission.run()
    assert campaign(mission) == {"done": 4}
    assert mission.names("clean") == sorted(name_of("clean", d, v) for d in (1, 2, 3, 4) for v in ("1.0.0", "1.0.1"))
    assert is_idle(mission)


@pytest.mark.both_databases
def test_items_that_end_together_are_recorded_together(mission: Mission) -> None:
    built(mission, *plain(), days=2)
    force(mission, "--product", "clean", "--campaign", "again")
    with open_store(mission.database) as store, store.begin() as connection:
        items = campaigns.open_items(connection)
        ends = [campaigns.ItemEnd(item.campaign.campaign_id, item.slot, ItemStatus.DONE) for item in items]
        campaigns.end_items(connection, 1, ends)
    assert campaign(mission) == {"done": 2}


@pytest.mark.thorough
def test_an_item_that_failed_is_tried_again_forced_and_rises_once(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("to_clean.sh", FAILING.replace("ROOT", str(mission.root)))
    built(mission, *plain(), days=1, retry_seconds=1000)
    (mission.root / "broken").touch()
    force(mission, "--product", "clean", "--campaign", "again", part=1)
    mission.run(status=1)
    assert campaign(mission) == {"failed": 1}
    assert "failed to_clean 2020-01-01: exit status 3" in mission.dbproc("campaign", "show", "again").out
    assert is_idle(mission)
    (mission.root / "broken").unlink()
    mission.dbproc("retry")
    mission.run()
    assert campaign(mission) == {"done": 1}
    assert mission.names("clean") == [name_of("clean", 1), name_of("clean", 1, "1.1.0")]
    assert is_idle(mission)


@pytest.mark.thorough
def test_what_failed_for_a_campaign_is_tried_no_more_when_that_is_cancelled(mission: Mission) -> None:
    mission.code("to_clean.sh", FAILING.replace("ROOT", str(mission.root)))
    built(mission, *plain(), days=3, retry_seconds=0)
    (mission.root / "broken").touch()
    force(mission, "--product", "clean", "--campaign", "again")
    mission.run("-n", "3", status=1)
    assert campaign(mission) == {"failed": 3}
    mission.dbproc("reprocess", "--product", "clean", "--force", "2", "--campaign", "more")
    mission.execute("UPDATE campaign SET status = 'cancelled'")
    (mission.root / "broken").unlink()
    mission.run()
    assert mission.names("clean") == [name_of("clean", day) for day in (1, 2, 3)]
    assert is_idle(mission)


@pytest.mark.thorough
def test_a_slot_that_is_stale_and_wanted_by_a_campaign_is_one_job(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission, *plain(), days=2)
    force(mission, "--product", "clean", "--campaign", "again", part=0)
    mission.deliver(name_of("raw", 1, "1.0.1"), content="new")
    mission.run()
    assert mission.names("clean") == sorted(name_of("clean", d, v) for d in (1, 2) for v in ("1.0.0", "2.0.0"))
    assert mission.content(name_of("clean", 1, "2.0.0")) == "clean(new)"
    assert campaign(mission) == {"done": 2}


# --- under dbprocessing's names ---


@pytest.mark.parametrize(
    ("words", "said", "risen"),
    [
        (
            ["reprocessByProduct.py", "-s", "20200102", "raw"],
            "Added 2 files to be reprocessed for product raw",
            "clean",
        ),
        (["reprocessByDate.py", "-s", "2020-01-01", "-e", "2020-01", "--level", "0"], "Added 3 files", "clean"),
        (
            ["reprocessByInstrument.py", "-l", "1", "test"],
            "Added 3 files",
            "smooth",
        ),
        (["reprocessByCode.py", "to_smooth.sh"], "Added 3 files to be reprocessed for code to_smooth.sh", "smooth"),
    ],
)
@pytest.mark.thorough
def test_dbprocessings_scripts_force_what_is_made_from_files_or_was_made_by_a_code(
    sqlite_mission: Mission, words: list[str], said: str, risen: str
) -> None:
    mission = built(sqlite_mission)
    name, *options = words
    assert said in mission.script(name, *options, "-m", mission.database, "--force", "0").out
    mission.run()
    days = (2, 3) if "-s" in words and "-e" not in words else (1, 2, 3)
    assert [each for each in mission.names(risen) if each.endswith("_v2.0.0.txt")] == [
        name_of(risen, day, "2.0.0") for day in days
    ]
    assert not any("_v2.0.0" in each for each in mission.files() if not each.startswith(risen))


@pytest.mark.thorough
def test_dbprocessings_scripts_without_force_queue_what_stale_outputs_are_made_from(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission, *plain(), days=1)
    mission.code("to_clean.sh", JOIN + "# edited\n")
    assert "Added 0 files" in mission.script("reprocessByProduct.py", "raw", "-m", mission.database).out
    for end, words in (("y", "is not a date"), ("7 May", "a date without a year")):
        failed = mission.script("reprocessByDate.py", "-s", "2020", "-e", end, "-m", "z", status=2)
        assert words in failed.err


def test_dbprocessings_scripts_do_again_what_has_no_output(sqlite_mission: Mission) -> None:
    sqlite_mission.code("to_run.sh", "#!/bin/sh\n")
    mission = built(sqlite_mission, *chain(), process("to_run", None, ["clean"], "RUN"))
    before = mission.rows("SELECT COUNT(*) FROM attempt")[0][0]
    words = ["-s", "1 Jan 2020", "-e", "2020-01-02", "-m", mission.database]
    assert "Added 2 files" in mission.script("reprocessByProduct.py", *words, "clean").out
    mission.run("-p")
    assert mission.rows("SELECT COUNT(*) FROM attempt")[0][0] == before + 2
    mission.script("reprocessByProduct.py", *words, "raw", "--force", "0")
    assert "forced to raise interface" in mission.dbproc("plan").out
    flushed = mission.script("flushProcessQueue.py", mission.database).out
    (name,) = (row[0] for row in mission.rows("SELECT campaign_name FROM campaign WHERE status = 'active'"))
    assert f"dbproc campaign cancel '{name}'" in flushed


def test_several_items_that_need_nothing_any_more_end_at_once(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission, *plain())
    homes = [mission.files()[name_of("clean", day)].path for day in (1, 2, 3)]
    aside = [path.rename(mission.root.parent / path.name) for path in homes]
    assert main(["check", "--repair", "-m", mission.database]) == 0
    assert main(["reprocess", "--product", "clean", "--campaign", "again", "-m", mission.database]) == 0
    for path, home in zip(aside, homes, strict=True):
        path.rename(home)
    assert main(["check", "--repair", "-m", mission.database]) == 0
    assert campaign(mission) == {"waiting": 3}
    assert main(["run", "-m", mission.database]) == 0
    assert campaign(mission) == {"not needed": 3}
