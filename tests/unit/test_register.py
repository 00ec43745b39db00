"""An output that is not what was planned makes its job fail, whatever its exit status."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

from dbproc.model import FileFacts, Slot
from dbproc.register import _disagreement
from dbproc.version import Version

DAY = dt.date(2020, 1, 2)
TASK = SimpleNamespace(slot=Slot(1, DAY), output_version=Version(1, 1, 0))


def facts(date: dt.date = DAY, version: Version | None = TASK.output_version) -> FileFacts:
    time = dt.datetime.combine(date, dt.time(), dt.UTC)
    return FileFacts(date=date, start=time, stop=time, version=version)


def test_an_output_as_planned_is_accepted() -> None:
    assert _disagreement(TASK, facts(), has_version=True) is None


def test_an_output_of_another_date_is_refused_by_both_dates() -> None:
    text = str(_disagreement(TASK, facts(date=dt.date(2020, 1, 3)), has_version=True))
    assert "2020-01-03" in text
    assert "2020-01-02" in text


def test_another_version_is_refused_where_the_name_has_one() -> None:
    other = facts(version=Version(1, 0, 0))
    assert "1.0.0" in str(_disagreement(TASK, other, has_version=True))
    assert _disagreement(TASK, other, has_version=False) is None
