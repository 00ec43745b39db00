"""An output that is not what was planned makes its job fail, whatever its exit status."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

from dbproc.core.model import FileFacts, Planned, Slot
from dbproc.core.retry import retry_delay
from dbproc.core.version import Version
from dbproc.run.outputs import _disagreement

DAY = dt.date(2020, 1, 2)
TASK = SimpleNamespace(slot=Slot(1, DAY))
PLANNED = Planned(product_id=1, name="x", version=Version(1, 1, 0))


def facts(date: dt.date = DAY, version: Version | None = PLANNED.version) -> FileFacts:
    time = dt.datetime.combine(date, dt.time(), dt.UTC)
    return FileFacts(date=date, start=time, stop=time, version=version)


def test_an_output_as_planned_is_accepted() -> None:
    assert _disagreement(TASK, PLANNED, facts(), has_version=True) is None


def test_an_output_of_another_date_is_refused_by_both_dates() -> None:
    text = str(_disagreement(TASK, PLANNED, facts(date=dt.date(2020, 1, 3)), has_version=True))
    assert "2020-01-03" in text
    assert "2020-01-02" in text


def test_another_version_is_refused_where_the_name_has_one() -> None:
    other = facts(version=Version(1, 0, 0))
    assert "1.0.0" in str(_disagreement(TASK, PLANNED, other, has_version=True))
    assert _disagreement(TASK, PLANNED, other, has_version=False) is None


def test_a_delay_doubles_from_failure_to_failure_up_to_the_longest() -> None:
    delays = [retry_delay(failures, 300, 3600, 0).total_seconds() for failures in range(1, 7)]
    assert delays == [300, 600, 1200, 2400, 3600, 3600]
    assert retry_delay(10_000, 300, 86400, 0) == dt.timedelta(days=1)


def test_chance_makes_a_delay_longer_by_a_quarter_at_most_and_never_longer_than_the_longest() -> None:
    assert retry_delay(1, 400, 3600, 0.5) == dt.timedelta(seconds=450)
    assert retry_delay(1, 400, 3600, 1) == dt.timedelta(seconds=500)
    assert retry_delay(4, 400, 3600, 1) == dt.timedelta(hours=1)


def test_what_may_be_tried_at_once_is() -> None:
    assert retry_delay(3, 0, 3600, 1) == dt.timedelta(0)
