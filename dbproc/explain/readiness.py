"""Whether what the service needs is there: the checks of ``/readyz``. Their words name no path and no host."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dbproc.core.durations import rough_text
from dbproc.core.errors import EXIT_NEEDS_PERSON, DatabaseLostError, DbprocError, RootError
from dbproc.core.model import Mission
from dbproc.core.text import size_words
from dbproc.database import lock, root, summary
from dbproc.database.definition.load import load_mission
from dbproc.database.store import SCHEMA_VERSION, Store, is_writable, schema_version
from dbproc.database.summary import RunRow
from dbproc.explain.disk import disks
from dbproc.storage import disk
from dbproc.system.machine import Judgement

OVERDUE = 3
"""After so many of the times in which a run is to come the last one is too long ago."""

_TICK = dt.timedelta(minutes=1)  # by which clocks may differ


class Verdict(StrEnum):
    """What came of a check."""

    PASS = "pass"
    WARN = "warn"  #: what the service accepts is safe, but a person should look
    FAIL = "fail"  #: nothing can be accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str  #: what
    verdict: Verdict  #: ``pass``, ``warn`` or ``fail``
    text: str  #: how it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether the service can accept anything."""

    verdict: Verdict  #: the worst of those of the checks
    checks: tuple[Check, ...]  #: what was looked at

    @property
    def is_ready(self) -> bool:
        """Whether it can."""
        return self.verdict is not Verdict.FAIL


def readiness(reading: Store, writing: Store) -> Readiness:
    """Look at all that is needed; where the database does not answer, at nothing else."""
    checks = tuple(_checks(reading, writing))
    worst = max((check.verdict for check in checks), key=list(Verdict).index)
    return Readiness(verdict=worst, checks=checks)


def _checks(reading: Store, writing: Store) -> Iterator[Check]:
    yield (database := _database(reading, writing))
    if database.verdict is Verdict.FAIL:
        return
    try:
        with reading.begin() as connection:
            mission, last = load_mission(connection), summary.last_run(connection)
        holder = lock.seen(reading)
        yield _root(reading)
    except DbprocError as error:
        yield Check(name="mission", verdict=Verdict.FAIL, text=_in_short(error))
        return
    yield _of("incoming", disk.fault(mission.incoming), "can be written to")
    yield _of("disk", _shortage(mission, writing), "there is room")
    yield _lock(holder)
    yield _last_run(last, mission, is_live=holder is not None and lock.judged(holder) is Judgement.LIVE)


def _database(reading: Store, writing: Store) -> Check:
    try:
        version = schema_version(reading)
        fault = None if version == SCHEMA_VERSION else _schema_fault(version)
        if fault is None and not is_writable(writing):
            fault = "it can only be read"
    except DbprocError as error:
        fault = _in_short(error)
    return _of("database", fault, f"answers; schema {SCHEMA_VERSION}")


def _schema_fault(version: str | None) -> str:
    remedy = "dbproc upgrade" if (version or "") < SCHEMA_VERSION else "start the dbproc that upgraded it"
    return f"it has schema {version}, and {SCHEMA_VERSION} is needed: {remedy}"


def _in_short(error: DbprocError) -> str:
    """What is wrong, without a path or host."""
    if isinstance(error, DatabaseLostError):
        return "it does not answer"
    return "it refuses what is asked; dbproc status says why"


def _root(reading: Store) -> Check:
    try:
        root.require(reading)
    except RootError:
        return _of("root", "it is gone, or another database's; dbproc status says why", "")
    return _of("root", None, "is the mission's")


def _shortage(mission: Mission, store: Store) -> str | None:
    short = [each for each in disks(mission, store) if each.is_short]
    words = [f"{each.area}: {size_words(each.free)} free, {size_words(each.reserve)} must stay so" for each in short]
    return "; ".join(words) or None


def _lock(holder: lock.Holder | None) -> Check:
    if holder is None:
        return Check(name="lock", verdict=Verdict.PASS, text="is free")
    judgement = lock.judged(holder)
    if judgement is Judgement.LIVE:
        return Check(name="lock", verdict=Verdict.PASS, text=f"run {holder.run_id} is at work")
    if judgement is Judgement.DEAD:
        return Check(name="lock", verdict=Verdict.WARN, text=f"run {holder.run_id} died; the next one goes on")
    told = f"whether run {holder.run_id} lives cannot be told, and no other begins; dbproc status says what to do"
    return Check(name="lock", verdict=Verdict.WARN, text=told)


def _last_run(last: RunRow | None, mission: Mission, *, is_live: bool) -> Check:
    text, verdict = "none yet", Verdict.WARN
    if is_live:
        return Check(name="runs", verdict=Verdict.PASS, text="one is at work")
    if last is not None:
        ended = last.processing_end_time or last.processing_start_time
        verdict, text = judge_age(dt.datetime.now(dt.UTC) - ended, mission.monitor.every)
        if last.exit_status == EXIT_NEEDS_PERSON:
            verdict, text = Verdict.WARN, f"{text}, and a person must act: dbproc status"
    return Check(name="runs", verdict=verdict, text=text)


def judge_age(age: dt.timedelta, every: dt.timedelta) -> tuple[Verdict, str]:
    """What is to be said of the last run, which ended so long ago, where one is to come again and again."""
    if age < -_TICK:
        return Verdict.WARN, "the last one ended in the future: a clock was or is wrong"
    words = f"the last one ended {rough_text(max(age.total_seconds(), 0.0))} ago"
    if age > OVERDUE * every:
        return Verdict.WARN, f"{words}, and one is to come every {rough_text(every.total_seconds())}"
    return Verdict.PASS, words


def _of(name: str, fault: str | None, fine: str) -> Check:
    verdict = Verdict.PASS if fault is None else Verdict.FAIL
    return Check(name=name, verdict=verdict, text=fine if fault is None else fault)
