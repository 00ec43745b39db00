"""Every query of docs/schema.md runs on both databases, as it stands there, and answers its question."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.kit.mission import Mission, connect

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "schema.md"
RECIPE = re.compile(r"^### (?P<title>[^\n]+)\n(?:(?!^### ).)*?^```sql\n(?P<sql>.*?)^```$", re.MULTILINE | re.DOTALL)

MISSION = """
[mission]
name = "greenhouse"
satellite = "garden"
instrument = "thermometer"

[product.reading]
level = 0
directory = "reading/{Y}"
format = "reading_{Y}{m}{d}.csv"

[product.soil]
level = 0
directory = "soil"
format = "soil_{bed}_{Y}{m}{d}T{H}.csv"

[product.mean]
level = 1
directory = "mean/{Y}"
format = "mean_{Y}{m}{d}_v{VERSION}.csv"

[product.week]
level = 2
directory = "week"
format = "week_{Y}{m}{d}_v{VERSION}.csv"

[process.average]
output = "mean"
timebase = "DAILY"
inputs = ["reading"]
code = { file = "average.py", version = "1.0.0" }

[process.weekly]
output = "week"
timebase = "WEEKLY"
inputs = ["mean"]
code = { file = "week.sh", version = "1.0.0" }
"""
RELEASED = 'file = "average.py", version = "1.1.0", from = 2024-05-02'

CODE = """#!/bin/sh
for output; do :; done
if grep -q broken "$1"; then echo 'no number' >&2; exit 3; fi
cat "$1" > made && mv made "$output"
"""

Row = dict[str, Any]


@pytest.fixture
def greenhouse(tmp_path: Path, database: str) -> Mission:
    """Three good days of which two are alike, a gap, a broken day, a stray file, a release, a day in the queue."""
    mission = Mission(tmp_path / "greenhouse", database)
    mission.environment["DBPROC_SETTLE_SECONDS"] = "0"
    for name in ("average.py", "week.sh"):
        mission.code(name, CODE)
    mission.dbproc("init", database)
    apply(mission, MISSION)
    deliver(mission, d01="one", d02="two")
    for bed, hour in ((4, "03"), (4, "04"), (14, "03")):
        mission.deliver(f"soil_{bed}_20240502T{hour}.csv", content=f"{bed}@{hour}"[:4])
    mission.run()
    deliver(mission, d03="two")
    mission.run()
    deliver(mission, d06="broken")
    mission.deliver("notes.txt", content="water the cactus")
    mission.run(status=1)
    apply(mission, MISSION.replace('file = "average.py", version = "1.0.0"', RELEASED))
    mission.run(status=1)  # the broken day is tried again: its code is another one
    fetch(mission, d07="seven")
    return mission


def fetch(mission: Mission, **files: str) -> None:
    """Have readings come from a source: the shed."""
    shed = mission.root.parent / "shed"
    shed.mkdir()
    for day, content in files.items():
        (shed / f"reading_202405{day[1:]}.csv").write_text(content)
    source = f'\n[source.shed]\nurl = "file://{shed}"\npath = "*.csv"\nreserve = 0\n'
    apply(mission, MISSION.replace('file = "average.py", version = "1.0.0"', RELEASED) + source)
    mission.run("-i")


def apply(mission: Mission, text: str) -> None:
    """Bring a mission file into the database."""
    mission.file.write_text(text)
    mission.dbproc("apply", "mission.toml")


def deliver(mission: Mission, **files: str) -> None:
    """Put readings into incoming: ``d01="…"``."""
    for day, content in files.items():
        mission.deliver(f"reading_202405{day[1:]}.csv", content=content)


def ask(mission: Mission, sql: str) -> list[Row]:
    """Run a query; its rows."""
    with closing(connect(mission.database)) as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def recipes() -> dict[str, str]:
    """The queries of the document by the headings that they stand under."""
    text = DOCUMENT.read_text(encoding="utf-8")
    found = {match["title"]: match["sql"] for match in RECIPE.finditer(text)}
    assert len(found) == text.count("```sql"), "a query stands without a heading of its own"
    return found


def column(name: str) -> Callable[[list[Row]], list[Any]]:
    """The values of one column."""
    return lambda rows: [row[name] for row in rows]


def mean(day: int, version: str) -> str:
    """The name of a mean."""
    return f"mean_202405{day:02d}_v{version}.csv"


def test_there_are_ten_queries_and_each_is_checked_here() -> None:
    assert len(recipes()) >= 10
    assert list(recipes()) == [title for title, *_ in answers(None)]


def test_every_query_answers_its_question(greenhouse: Mission) -> None:
    queries = recipes()
    for title, look, wanted in answers(greenhouse):
        assert look(ask(greenhouse, queries[title])) == wanted, title


def answers(mission: Mission | None) -> Iterator[tuple[str, Callable[[list[Row]], Any], Any]]:
    """Each query's heading, what to look at in its rows, and what should be there."""
    root = "" if mission is None else str(mission.root)
    yield (
        "What was this file made from?",
        lambda rows: [(row["depth"], row["filename"], row["made_by"], row["code_version"]) for row in rows],
        [
            *((1, mean(day, "1.0.0"), "average.py", "1.0.0") for day in (1, 2, 3)),
            *((2, f"reading_202405{day:02d}.csv", None, None) for day in (1, 2, 3)),
        ],
    )
    yield (
        "What was made from this file?",
        column("filename"),
        [mean(1, "1.0.0"), *(f"week_20240429_v1.{quality}.0.csv" for quality in (0, 1, 2))],
    )
    yield "Which files did this version of a code make?", column("filename"), [mean(day, "1.0.0") for day in (1, 2, 3)]
    yield (
        "The newest files of a product between two dates",
        column("path"),
        [f"{root}/mean/2024/{name}" for name in (mean(1, "1.0.0"), mean(2, "1.1.0"), mean(3, "1.1.0"))],
    )
    yield "The newest files of a moment and a key", column("filename"), ["soil_4_20240502T03.csv"]
    yield (
        "Gaps: where nothing was delivered",
        lambda rows: [(row["after_file"], row["before_file"], row["days_missing"]) for row in rows],
        [("reading_20240503.csv", "reading_20240506.csv", 2)],
    )
    yield (
        "Gaps: inputs of which nothing was made",
        column("filename"),
        ["reading_20240506.csv", "reading_20240507.csv"],
    )
    yield (
        "What failed, and why",
        lambda rows: [(row["process_name"], str(row["utc_file_date"]), row["failures"]) for row in rows],
        [("average", "2024-05-06", 1)] * 2,
    )
    yield (
        "What was tried for a time",
        lambda rows: [(row["process_name"], row["status"], row["process_keywords"]) for row in rows],
        [(name, "succeeded", "") for name in ("weekly", "average", "weekly", "average", "weekly")],
    )
    yield (
        "How did this file change, and why?",
        lambda rows: [(row["filename"], len(json.loads(row["reasons"]))) for row in rows],
        [("week_20240429_v1.0.0.csv", 1), ("week_20240429_v1.1.0.csv", 1), ("week_20240429_v1.2.0.csv", 2)],
    )
    yield (
        "The codes that take the longest",
        lambda rows: (
            sorted((row["filename"], row["jobs"]) for row in rows),
            all(row["cpu_seconds"] >= 0 for row in rows),
        ),
        ([("average.py", 2), ("average.py", 3), ("week.sh", 3)], True),
    )
    yield (
        "What is in the queue",
        lambda rows: [(row["product_name"], row["files"], str(row["first"])) for row in rows],
        [("reading", 1, "2024-05-07")],
    )
    yield (
        "What is in quarantine",
        lambda rows: [(r["filename"], r["reason"]) for r in rows],
        [("notes.txt", "no_product")],
    )
    yield (
        "The same bytes under several names",
        lambda rows: [(row["files"], row["one"]) for row in rows],
        [(4, mean(2, "1.1.0")), (3, mean(1, "1.0.0"))],
    )
    yield "Files still made by a retired code", column("filename"), [mean(1, "1.0.0")]
    yield (
        "Disk space by product",
        lambda rows: [(row["product_name"], int(row["bytes"]), int(row["bytes_of_old_versions"])) for row in rows],
        [("reading", 20, 0), ("mean", 15, 6), ("soil", 12, 0), ("week", 9, 6)],
    )
    yield (
        "Where were files fetched from?",
        lambda rows: [(row["filename"], row["origin_url"], row["state"]) for row in rows],
        [("reading_20240507.csv", f"file://{Path(root).parent / 'shed'}/reading_20240507.csv", "verified")],
    )
    yield "The last runs", lambda rows: rows[0]["comment"], "done"
