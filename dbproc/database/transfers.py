"""Transfers: asked for, begun, watched, ended. Every change of a state is an UPDATE of rows still before it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, exists, func, insert, or_, select, text, update

from dbproc.core.model import LONGEST_DELAY
from dbproc.core.transfers import OF_PERSONS, OPEN, Order, Spot, Task, Transfer, TransferState, before
from dbproc.database import schema
from dbproc.database._queries import batches

_T = schema.transfer
_LONGEST = dt.timedelta(seconds=LONGEST_DELAY, hours=1)
AT_WORK = (TransferState.MOVING, TransferState.CHECKING)
"""The states of transfers that a process is at."""


def ask(connection: Connection, orders: Sequence[Order]) -> list[int]:
    """Enter transfers that wait; their numbers, in the order of the orders."""
    if not orders:
        return []
    now = dt.datetime.now(dt.UTC)
    statement = insert(_T).returning(_T.c.transfer_id, sort_by_parameter_order=True)
    return list(connection.scalars(statement, [_row(order, now) for order in orders]))


def _row(order: Order, now: dt.datetime) -> dict[str, Any]:
    return {
        "task": order.task,
        "rule": order.rule,
        "filename": order.filename,
        "file_id": order.file_id,
        "member": order.member,
        "origin_place": order.origin.place,
        "origin_path": order.origin.path,
        "origin_url": order.origin.url,
        "target_place": order.target.place,
        "target_path": order.target.path,
        "target_url": order.target.url,
        "user": order.user,
        "asked_time": now,
        "file_size": order.size,
        "expected": json.dumps(order.expected),
        "expected_of": order.expected_of,
        "state": TransferState.WAITING,
        "state_time": now,
    }


# --- asked ---


def numbered(connection: Connection, numbers: Collection[int]) -> list[Transfer]:
    """Transfers by their numbers."""
    found: list[Transfer] = []
    for some in batches(sorted(numbers)):
        found += _select(connection, _T.c.transfer_id.in_(some))
    return found


def of_rule(connection: Connection, rule: str, states: Collection[TransferState] = OPEN) -> list[Transfer]:
    """The transfers of a rule that are in one of some states, in the order in which they were asked for."""
    return _select(connection, _T.c.rule == rule, _T.c.state.in_(states))


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that was fetched into incoming, and became none of the catalogue yet; `placed` is what the system said of
    it when it came, nothing where that is not known."""

    transfer_id: int
    filename: str
    digest: str
    placed: str


def arrived(connection: Connection, names: Sequence[str] | None = None) -> list[Arrived]:
    """What was fetched into incoming and became no file of the catalogue yet; of some names, or all."""
    complete = [state for state in TransferState if state.is_complete]
    columns = (_T.c.transfer_id, _T.c.filename, func.coalesce(_T.c.shasum, ""), _T.c.placed)
    # the words of the index stand in the statement, so that every database uses it
    statement = select(*columns).where(
        text("file_id IS NULL AND task IN ('fetch', 'upload', 'import')"), _T.c.state.in_(complete)
    )
    parts = [statement] if names is None else [statement.where(_T.c.filename.in_(some)) for some in batches(names)]
    return [Arrived(*row) for part in parts for row in connection.execute(part.order_by(_T.c.transfer_id))]


def of_file(connection: Connection, file_id: int) -> list[Transfer]:
    """The transfers of a file of the catalogue."""
    return _select(connection, _T.c.file_id == file_id)


def of_run(connection: Connection, rule: str, run_id: int) -> list[Transfer]:
    """The transfers of a rule that a run began last."""
    return _select(connection, _T.c.logging_id == run_id, _T.c.rule == rule)


def of_files(connection: Connection, file_ids: Sequence[int]) -> list[Transfer]:
    """The transfers of some files of the catalogue."""
    return [each for some in batches(file_ids) for each in _select(connection, _T.c.file_id.in_(some))]


def listed(
    connection: Connection,
    states: Collection[TransferState] | None = None,
    rule: str | None = None,
    filename: str | None = None,
    limit: int | None = None,
    after: int | None = None,
    user: str | None = None,
    seen_by: str | None = None,
) -> list[Transfer]:
    """Transfers in some of the states, of a rule or of those that begin with its word, of a file, of a user; the latest
    first, or those after one. `seen_by`: without what others than this person send or have asked for."""
    statement = select(_T).order_by(_T.c.transfer_id.desc()).limit(limit)
    if after is not None:
        statement = statement.where(_T.c.transfer_id < after)
    if states is not None:
        statement = statement.where(_T.c.state.in_(sorted(states)))
    if rule is not None:
        statement = statement.where(or_(_T.c.rule == rule, _T.c.rule.startswith(f"{rule} ", autoescape=True)))
    if filename is not None:
        statement = statement.where(_T.c.filename == filename)
    if user is not None:
        statement = statement.where(_T.c.user == user)
    if seen_by is not None:
        statement = statement.where(or_(_T.c.task.not_in(sorted(OF_PERSONS)), _T.c.user == seen_by))
    return [transfer_of(row) for row in connection.execute(statement).mappings()]


def run_of(connection: Connection, number: int) -> int | None:
    """The run that moved a transfer last; None: none did."""
    return connection.scalar(select(_T.c.logging_id).where(_T.c.transfer_id == number))


def given_up(connection: Connection, rule: str) -> list[Transfer]:
    """The cancelled transfers of a rule that may have left something where they went."""
    began = or_(_T.c.tries > 0, _T.c.durable_bytes > 0)
    return _select(connection, _T.c.rule == rule, _T.c.state == TransferState.CANCELLED, began)


def due(
    connection: Connection, rule: str, now: dt.datetime, limit: int, after: int = 0, away: Collection[str] = ()
) -> list[Transfer]:
    """So many transfers of a rule that wait and whose time has come, of numbers above one; none from or to places that
    are away."""
    conditions = [_is_due(now), _T.c.rule == rule, _T.c.transfer_id > after]
    if away:
        conditions += [_T.c.origin_place.not_in(away), _T.c.target_place.not_in(away)]
    return _select(connection, *conditions, limit=limit)


def reasons_put_off(connection: Connection, rule: str, now: dt.datetime) -> list[str]:
    """Why transfers of a rule wait for a later try, each reason once."""
    waits = (_T.c.rule == rule, _T.c.state == TransferState.WAITING, _T.c.next_try > now, ~_is_due(now))
    return list(connection.scalars(select(_T.c.reason).where(*waits).distinct().order_by(_T.c.reason)))


def rules_due(connection: Connection, now: dt.datetime) -> list[str]:
    """The rules of which transfers wait whose time has come, or are at work: one that ended may have left them."""
    is_at_work = _T.c.state.in_((TransferState.MOVING, TransferState.CHECKING))
    statement = select(_T.c.rule).where(or_(_is_due(now), is_at_work)).distinct().order_by(_T.c.rule)
    return list(connection.scalars(statement))


def any_due(rule: str, now: dt.datetime) -> ColumnElement[bool]:
    """Whether a transfer of a rule waits whose time has come, or is at work: one that ended may have left it."""
    is_at_work = _T.c.state.in_((TransferState.MOVING, TransferState.CHECKING))
    return exists(select(_T.c.transfer_id).where(_T.c.rule == rule, or_(_is_due(now), is_at_work)))


def held_by(connection: Connection, rule: str, user: str) -> int:
    """How many transfers of a rule a user has that are not at an end."""
    statement = select(func.count()).where(_T.c.rule == rule, _T.c.user == user, _T.c.state.in_(OPEN))
    return connection.scalar(statement) or 0


def _is_due(now: dt.datetime) -> ColumnElement[bool]:
    """Waits, and its time has come; or is so far ahead that a clock set it that was wrong."""
    is_time = or_(_T.c.next_try.is_(None), _T.c.next_try <= now, _T.c.next_try > now + _LONGEST)
    return (_T.c.state == TransferState.WAITING) & is_time


def count_open(connection: Connection, rule: str) -> int:
    """How many transfers of a rule are not at an end."""
    statement = select(func.count()).where(_T.c.rule == rule, _T.c.state.in_(OPEN))
    return int(connection.scalar(statement) or 0)


def counts_of(connection: Connection, rule: str) -> dict[TransferState, int]:
    """How many transfers of a rule are in each state in which they are not complete."""
    states = [state for state in TransferState if not state.is_complete]
    statement = select(_T.c.state, func.count()).where(_T.c.rule == rule, _T.c.state.in_(states)).group_by(_T.c.state)
    return {TransferState(state): count for state, count in connection.execute(statement)}


def counts(connection: Connection) -> dict[tuple[str, TransferState], int]:
    """How many transfers of each rule are in each state."""
    statement = select(_T.c.rule, _T.c.state, func.count()).group_by(_T.c.rule, _T.c.state)
    return {(rule, TransferState(state)): count for rule, state, count in connection.execute(statement)}


def unfinished(connection: Connection) -> dict[str, dict[TransferState, int]]:
    """How many transfers of each rule are in each state in which they are not complete."""
    states = [state for state in TransferState if not state.is_complete]
    found: dict[str, dict[TransferState, int]] = {}
    counted = select(_T.c.rule, _T.c.state, func.count()).where(_T.c.state.in_(states)).group_by(_T.c.rule, _T.c.state)
    for rule, state, count in connection.execute(counted.order_by(_T.c.rule)):
        found.setdefault(rule, {})[TransferState(state)] = count
    return found


def _select(connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None) -> list[Transfer]:
    statement = select(_T).where(*conditions).order_by(_T.c.transfer_id).limit(limit)
    return [transfer_of(row) for row in connection.execute(statement).mappings()]


def transfer_of(row: RowMapping) -> Transfer:
    """A row as a transfer."""
    order = Order(
        task=Task(row["task"]),
        rule=row["rule"],
        origin=Spot(row["origin_place"], row["origin_path"], row["origin_url"]),
        target=Spot(row["target_place"], row["target_path"], row["target_url"]),
        user=row["user"],
        size=row["file_size"],
        expected=tuple(json.loads(row["expected"])),
        expected_of=row["expected_of"],
        file_id=row["file_id"],
        member=row["member"],
    )
    return Transfer(
        transfer_id=row["transfer_id"],
        order=order,
        filename=row["filename"],
        asked=row["asked_time"],
        state=TransferState(row["state"]),
        since=row["state_time"],
        reason=row["reason"],
        next_try=row["next_try"],
        tries=row["tries"],
        mismatches=row["mismatches"],
        durable=row["durable_bytes"],
        moved=row["moved_bytes"],
        bytes_per_second=row["bytes_per_second"],
        token=row["token"],
        facts=row["origin_facts"],
        digest=row["shasum"] or "",
        placed=row["placed"],
        started=row["started_time"],
        ended=row["ended_time"],
    )


# --- changed ---


def begin(connection: Connection, numbers: Collection[int], run_id: int | None) -> set[int]:
    """Have waiting transfers move; those that still waited."""
    now = dt.datetime.now(dt.UTC)
    values = {
        "tries": _T.c.tries + 1,
        "started_time": func.coalesce(_T.c.started_time, now),
        "logging_id": run_id,
        "reason": "",
        "next_try": None,
        "bytes_per_second": None,
    }
    return _change(connection, numbers, TransferState.MOVING, values)


def note(connection: Connection, notes: Iterable[Mapping[str, Any]]) -> None:
    """Record how far transfers are that move: each a mapping of ``number`` and of columns, the same of all."""
    rows = list(notes)
    if not rows:
        return
    names = [name for name in rows[0] if name != "number"]
    statement = (
        update(_T)
        .where(_T.c.transfer_id == bindparam("number"), _is_one_of(OPEN))
        .values({_T.c[name]: bindparam(f"new_{name}") for name in names})
    )
    values = [{"number": row["number"]} | {f"new_{name}": row[name] for name in names} for row in rows]
    connection.execute(statement, values)


def check(connection: Connection, number: int, digest: str) -> bool:
    """All bytes of a transfer are there, with a digest; whether it was still moving."""
    return bool(_change(connection, [number], TransferState.CHECKING, {"shasum": digest}))


def end(connection: Connection, number: int, state: TransferState, **values: Any) -> bool:
    """A transfer came to its end; whether it was in a state before that."""
    now = dt.datetime.now(dt.UTC)
    given = {"ended_time": now, "next_try": None, "bytes_per_second": None, **values}
    return bool(_change(connection, [number], state, given))


def complete(connection: Connection, ends: Sequence[Mapping[str, Any]], now: dt.datetime) -> set[int]:
    """Files are where they were to go: each a mapping of ``number``, ``state`` and of columns, the same of all; the
    numbers of those that were in a state before that."""
    if not ends:
        return set()
    fixed = {"state_time": now, "ended_time": now, "next_try": None, "bytes_per_second": None}
    names = [name for name in ends[0] if name != "number"]
    statement = (
        update(_T)
        .where(_T.c.transfer_id == bindparam("number"), _is_one_of(AT_WORK))
        .values(fixed | {name: bindparam(f"new_{name}") for name in names})
    )
    rows = [{"number": row["number"]} | {f"new_{name}": row[name] for name in names} for row in ends]
    connection.execute(statement, rows)
    done: set[int] = set()
    for some in batches(sorted(row["number"] for row in rows)):
        is_complete = _T.c.state.in_((TransferState.VERIFIED, TransferState.UNVERIFIED))
        done.update(connection.scalars(select(_T.c.transfer_id).where(_T.c.transfer_id.in_(some), is_complete)))
    return done


def wait(connection: Connection, number: int, reason: str, next_try: dt.datetime | None, **values: Any) -> bool:
    """A transfer waits for its next try; whether it was at work."""
    given = {"reason": reason, "next_try": next_try, "bytes_per_second": None, **values}
    return bool(_change(connection, [number], TransferState.WAITING, given, of=AT_WORK))


def put_off(connection: Connection, rule: str, place: str, reason: str, next_try: dt.datetime) -> int:
    """Have all that waits of a rule, and goes from or to a place, wait until then; how many these are."""
    is_of_place = or_(_T.c.origin_place == place, _T.c.target_place == place)
    statement = update(_T).where(_T.c.rule == rule, _T.c.state == TransferState.WAITING, is_of_place)
    return int(connection.execute(statement.values(reason=reason, next_try=next_try)).rowcount)


def revive(connection: Connection, rule: str, reason: str) -> list[int]:
    """Have all of a rule wait that a process which has ended left at work: that was no try."""
    values = {
        "state": TransferState.WAITING,
        "state_time": dt.datetime.now(dt.UTC),
        "tries": _T.c.tries - 1,
        "reason": reason,
        "next_try": None,
        "bytes_per_second": None,
    }
    statement = update(_T).where(_T.c.rule == rule, _T.c.state.in_(AT_WORK)).values(values)
    return list(connection.scalars(statement.returning(_T.c.transfer_id)))


def retry(connection: Connection, numbers: Collection[int]) -> set[int]:
    """Have transfers that failed, were cancelled or wait be tried at once; those that could be."""
    values = {"reason": "", "next_try": None, "tries": 0, "mismatches": 0, "ended_time": None}
    again = _change(connection, numbers, TransferState.WAITING, values, of=before(TransferState.WAITING) - set(OPEN))
    for some in batches(sorted(numbers)):
        waiting = update(_T).where(_T.c.transfer_id.in_(some), _T.c.state == TransferState.WAITING)
        again |= set(connection.scalars(waiting.values(next_try=None, tries=0).returning(_T.c.transfer_id)))
    return again


def cancel(connection: Connection, numbers: Collection[int], reason: str) -> set[int]:
    """Give transfers up; those that were not at an end. Who moves one of them notices at its next step."""
    values = {"reason": reason, "next_try": None, "ended_time": dt.datetime.now(dt.UTC)}
    return _change(connection, numbers, TransferState.CANCELLED, values)


def renew(connection: Connection, number: int, order: Order) -> bool:
    """Have a transfer that waits be of the file as it is at its origin by now; whether it still waited."""
    values = {
        "file_size": order.size,
        "expected": json.dumps(order.expected),
        "expected_of": order.expected_of,
        "reason": "the file at its origin has changed",
        "shasum": None,
        **{"next_try": None, "tries": 0, "mismatches": 0},
    }
    waiting = update(_T).where(_T.c.transfer_id == number, _T.c.state == TransferState.WAITING)
    return connection.execute(waiting.values(values)).rowcount == 1


def forget_partial(connection: Connection, numbers: Collection[int]) -> None:
    """Record that nothing of cancelled transfers is left where they went."""
    for some in batches(sorted(numbers)):
        left = update(_T).where(_T.c.transfer_id.in_(some), _T.c.state == TransferState.CANCELLED)
        connection.execute(left.values(tries=0, durable_bytes=0, token=""))


def reroute(connection: Connection, number: int, origin: Spot, reason: str) -> bool:
    """Have a transfer that waits take its file from elsewhere; whether it still waited."""
    values = {
        "origin_place": origin.place,
        "origin_path": origin.path,
        "origin_url": origin.url,
        "reason": reason,
        "next_try": None,
    }
    waits = (_T.c.transfer_id == number, _T.c.state == TransferState.WAITING)
    return connection.execute(update(_T).where(*waits).values(values)).rowcount == 1


def ingested(connection: Connection, files: Mapping[int, int]) -> None:
    """Record which file each of some transfers became: number of the transfer → number of the file."""
    if files:
        statement = update(_T).where(_T.c.transfer_id == bindparam("number")).values(file_id=bindparam("file"))
        connection.execute(statement, [{"number": number, "file": file_id} for number, file_id in files.items()])


def _change(
    connection: Connection,
    numbers: Collection[int],
    state: TransferState,
    values: Mapping[str, Any],
    of: Collection[TransferState] | None = None,
) -> set[int]:
    """Have transfers get a state, as far as they are in one before it; those that did."""
    changed: set[int] = set()
    given = {"state": state, "state_time": dt.datetime.now(dt.UTC), **values}
    for some in batches(sorted(numbers)):
        is_before = _T.c.state.in_(sorted(before(state) if of is None else of))
        statement = update(_T).where(_T.c.transfer_id.in_(some), is_before).values(given)
        changed |= set(connection.scalars(statement.returning(_T.c.transfer_id)))
    return changed


def _is_one_of(states: Iterable[TransferState]) -> ColumnElement[bool]:
    """That a transfer is in one of some states, in a statement that is carried out for many at once."""
    return or_(*(_T.c.state == state for state in states))
