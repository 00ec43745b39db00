"""The main job: what is delivered is ingested, everything that depends on it is built, and nothing else."""

from __future__ import annotations

import pytest

from tests.kit.mission import Mission, chain, name_of, process, product, window

RAW = [name_of("raw", day) for day in (1, 2, 3, 4)]


@pytest.mark.in_processes
@pytest.mark.both_databases
def test_one_run_builds_everything_and_the_next_does_nothing(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW[:3])
    mission.run()
    files = mission.files()
    assert sorted(files) == sorted(name_of(name, day) for name in ("raw", "clean", "smooth") for day in (1, 2, 3))
    assert files[name_of("clean", 2)].inputs == {RAW[1]}
    assert files[name_of("smooth", 1)].inputs == {name_of("clean", 1), name_of("clean", 2)}
    assert files[name_of("smooth", 2)].inputs == {name_of("clean", day) for day in (1, 2, 3)}
    assert mission.content(name_of("smooth", 1)) == "smooth(clean(raw_20200101))(clean(raw_20200102))"
    assert mission.waiting() == []
    assert mission.queued() == 0

    before = mission.state()
    done = mission.run()
    assert (done.out, done.err) == ("", "")
    assert mission.state() == before


def test_each_output_is_made_once_when_everything_arrives_together(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW)
    mission.run("-n", "4")
    assert sorted(mission.attempts()) == sorted(
        (process, f"2020-01-0{day}", "succeeded") for process in ("to_clean", "to_smooth") for day in (1, 2, 3, 4)
    )


def test_a_new_day_rebuilds_only_the_neighbours_whose_window_holds_it(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW[:3])
    mission.run()
    mission.deliver(RAW[3])
    mission.run()
    assert mission.names("clean") == [name_of("clean", day) for day in (1, 2, 3, 4)]
    first = [name_of("smooth", day) for day in (1, 2, 3, 4)]
    assert mission.names("smooth") == sorted([*first, name_of("smooth", 3, "1.1.0")])
    assert mission.files()[name_of("smooth", 3, "1.1.0")].inputs == {name_of("clean", day) for day in (2, 3, 4)}


def test_a_replaced_input_rebuilds_what_was_made_from_it_and_the_neighbours(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW)
    mission.run()
    mission.deliver(name_of("raw", 2, "1.1.0"), content="better")
    mission.run()
    assert mission.names("clean") == sorted(
        [*(name_of("clean", d) for d in (1, 2, 3, 4)), name_of("clean", 2, "1.1.0")]
    )
    rebuilt = {name for name in mission.names("smooth") if name.endswith("_v1.1.0.txt")}
    assert rebuilt == {name_of("smooth", day, "1.1.0") for day in (1, 2, 3)}
    assert mission.content(name_of("smooth", 1, "1.1.0")) == "smooth(clean(raw_20200101))(clean(better))"


def test_an_input_that_only_rose_in_revision_raises_only_revisions(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW[:2])
    mission.run()
    mission.deliver(name_of("raw", 2, "1.0.1"), content="same, cleaner")
    mission.run()
    assert name_of("clean", 2, "1.0.1") in mission.files()
    assert name_of("smooth", 1, "1.0.1") in mission.files()
    assert name_of("smooth", 2, "1.0.1") in mission.files()


def test_an_older_version_that_arrives_late_changes_nothing_further_down(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(name_of("raw", 1, "1.2.0"), content="new")
    mission.run()
    mission.deliver(name_of("raw", 1, "1.1.0"), content="old")
    mission.run()
    assert mission.names("raw") == [name_of("raw", 1, "1.1.0"), name_of("raw", 1, "1.2.0")]
    assert mission.names("clean") == [name_of("clean", 1)]
    assert mission.content(name_of("clean", 1)) == "clean(new)"


def test_versions_that_arrive_together_are_built_from_the_newest(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*(name_of("raw", 1, version) for version in ("1.9.0", "1.10.0", "1.2.0")), content="x")
    mission.run()
    assert mission.files()[name_of("clean", 1)].inputs == {name_of("raw", 1, "1.10.0")}
    assert len(mission.attempts()) == 2


@pytest.mark.both_databases
def test_a_released_code_rebuilds_what_it_made_and_what_came_from_that(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW[:2])
    mission.run()
    mission.code("cleaner.sh")
    mission.define(*chain(file="cleaner.sh", version="1.1.0"))
    mission.run()
    files = mission.files()
    assert files[name_of("clean", 1, "1.1.0")].code == "1.1.0"
    assert mission.content(name_of("smooth", 1, "1.1.0")) == "smooth(cleaner(raw_20200101))(cleaner(raw_20200102))"
    assert files[name_of("smooth", 1, "1.1.0")].inputs == {name_of("clean", day, "1.1.0") for day in (1, 2)}
    assert files[name_of("clean", 1)].code == "1.0.0"
    before = mission.state()
    mission.run()
    assert mission.state() == before


def test_a_code_with_a_new_output_interface_makes_files_of_that_interface(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(RAW[0])
    mission.run()
    mission.define(*chain(version="2.0.0", output_interface=2))
    mission.run()
    assert mission.names("clean") == [name_of("clean", 1), name_of("clean", 1, "2.0.0")]
    assert mission.names("smooth") == [name_of("smooth", 1), name_of("smooth", 1, "1.1.0")]


def test_a_code_that_only_rose_in_revision_raises_only_revisions(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(RAW[0])
    mission.run()
    mission.define(*chain(version="1.0.1"))
    mission.run()
    assert mission.names("clean") == [name_of("clean", 1), name_of("clean", 1, "1.0.1")]
    assert mission.names("smooth") == [name_of("smooth", 1), name_of("smooth", 1, "1.0.1")]


def test_a_release_that_is_rolled_out_over_several_days_takes_the_code_of_each_date(sqlite_mission: Mission) -> None:
    blocks = [product("raw", 0), product("clean", 1)]
    codes = """
[process.to_clean]
output = "clean"
timebase = "DAILY"
inputs = ["raw"]
[[process.to_clean.code]]
file = "old.sh"
version = "1.0.0"
to = 2020-01-01
[[process.to_clean.code]]
file = "new.sh"
version = "3.0.0"
from = 2020-01-02
to = 2020-01-02
"""
    sqlite_mission.create(*blocks, codes)
    sqlite_mission.deliver(*RAW[:3])
    sqlite_mission.run()
    assert sqlite_mission.names("clean") == [name_of("clean", 1), name_of("clean", 2)]
    assert sqlite_mission.content(name_of("clean", 1)) == "old(raw_20200101)"
    assert sqlite_mission.content(name_of("clean", 2)) == "new(raw_20200102)"
    sqlite_mission.define(*blocks, codes.replace("to = 2020-01-02\n", ""))
    sqlite_mission.run()
    assert sqlite_mission.content(name_of("clean", 3)) == "new(raw_20200103)"
    assert len(sqlite_mission.attempts()) == 3


def test_a_process_with_a_new_input_rebuilds_what_it_made(mission: Mission) -> None:
    products = [product("raw", 0), product("dark", 0), product("clean", 1)]
    mission.create(*products, process("to_clean", "clean", ["raw"]))
    mission.deliver(RAW[0], name_of("dark", 1))
    mission.run()
    mission.define(*products, process("to_clean", "clean", ["raw", "dark"]))
    mission.run()
    assert mission.content(name_of("clean", 1, "1.1.0")) == "clean(raw_20200101)(dark_20200101)"


def test_a_product_with_a_new_format_is_built_anew_under_its_new_names(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(RAW[0])
    mission.run()
    blocks = [block.replace("clean_{Y}", "cleaned_{Y}") for block in chain()]
    mission.define(*blocks)
    mission.run()
    newest = mission.rows("SELECT filename FROM newest_file WHERE filename LIKE 'cleaned%'")
    assert len(newest) == 1
    before = mission.state()
    mission.run()
    assert mission.state() == before


def test_inputs_are_handed_over_in_the_order_of_the_definition_and_of_their_dates(mission: Mission) -> None:
    mission.create(
        product("zulu", 0),
        product("alpha", 0),
        product("clean", 1),
        process("to_clean", "clean", [window("zulu", 1, 1), "alpha"]),
    )
    mission.deliver(*(name_of("zulu", day) for day in (3, 1, 2)), name_of("alpha", 2))
    mission.run()
    assert mission.content(name_of("clean", 2)) == "clean(zulu_20200101)(zulu_20200102)(zulu_20200103)(alpha_20200102)"
    assert mission.names("clean") == [name_of("clean", 2)]


def test_what_was_done_and_why_stands_in_the_database(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(RAW[0])
    mission.run()
    mission.deliver(name_of("raw", 1, "1.1.0"))
    mission.run()
    reasons = mission.rows("SELECT output_filename, reasons, exit_status, log_path FROM attempt ORDER BY attempt_id")
    assert [row[0] for row in reasons] == [
        name_of(name, 1, version) for version in ("1.0.0", "1.1.0") for name in ("clean", "smooth")
    ]
    assert reasons[0][1] == '["no output yet"]'
    assert reasons[2][1] == f'["input {RAW[0]} replaced by {name_of("raw", 1, "1.1.0")}"]'
    assert {row[2] for row in reasons} == {0}
    assert {row[3] for row in reasons} == {None}
    assert not list((mission.root / ".dbproc" / "jobs").iterdir())


def test_a_mission_that_was_applied_with_its_products_in_incoming_needs_a_person(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    sqlite_mission.execute("UPDATE product SET relative_path = 'incoming/raw' WHERE product_name = 'raw'")
    sqlite_mission.deliver(name_of("raw", 1))
    done = sqlite_mission.run(status=78)
    assert "'incoming/raw' is in the incoming directory" in done.err
    assert sqlite_mission.waiting() == [name_of("raw", 1)]


@pytest.mark.parametrize("instead", ["mkfifo", "mkdir"])
@pytest.mark.parametrize("status", [0, 3])
@pytest.mark.in_processes
def test_whatever_a_job_makes_of_its_log_the_run_goes_on(sqlite_mission: Mission, instead: str, status: int) -> None:
    mission = sqlite_mission.create(*chain())
    script = f'#!/bin/sh\nlog=$(ls -d ../../jobs/*)\nrm $log; {instead} $log; echo made > "$2"; exit {status}\n'
    mission.code("to_clean.sh", script)
    mission.deliver(name_of("raw", 1))
    mission.run(status=1 if status else 0)
    (found,) = mission.rows("SELECT log_path FROM attempt WHERE process_id = 1")
    assert found == (None,)


def test_a_report_is_written_after_a_run_that_logs_nothing_but_the_worst(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*chain())
    mission.deliver("raw_20200101_v1.0.0.txt")
    told = mission.run("-r", "-l", "critical").out
    page = mission.root / ".dbproc" / "report.html"
    assert f"wrote {page}" in told
    assert "smooth" in page.read_text()
    assert [log.read_text() for log in (mission.root / ".dbproc" / "logs").glob("*.log")] == [""]
