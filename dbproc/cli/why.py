"""status, queue, why, lineage, inspect: commands that tell and change nothing."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import click

from dbproc.changes.edits import edits_in_words
from dbproc.cli.common import (
    cell,
    json_option,
    mission_option,
    open_mission,
    open_own_mission,
    print_json,
    print_table,
    retry_words,
)
from dbproc.core.errors import UserError
from dbproc.core.model import Definition
from dbproc.database import lineage as reading
from dbproc.database import lock, quarantine, queue, root
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Transaction
from dbproc.explain import lineage
from dbproc.ingest.incoming import scan_mission

Facts = dict[str, Any]
_SHOWN = 5
_LATEST = 10
_DEEPEST = 20


@click.command("status")
@mission_option
@json_option
def status_command(mission: str, as_json: bool) -> None:
    """Say how the mission stands: lock, queue, incoming, products, what failed, what is in quarantine."""
    facts = mission_status(mission)
    if as_json:
        print_json(facts)
    else:
        _print_status(facts)


def mission_status(mission: str) -> Facts:
    """The facts of ``dbproc status``."""
    with open_mission(mission, read_only=True) as store:
        holder, problem = lock.seen(store), root.problem(store)
        with store.begin() as connection:
            definition = load_definition(connection)
            facts: Facts = {
                "mission": definition.mission.name,
                "root": definition.mission.root,
                "root_problem": problem,
                "lock": None if holder is None else lock.describe(holder),
                "queue": queue.length(connection),
                "last_run": next(iter(reading.last_runs(connection)), None),
                "products": _products(connection, definition),
                "failures": lineage.open_failures(connection, definition),
                **_quarantine(connection, definition),
            }
    for failure in facts["failures"]:
        failure["waiting"] = lineage.waiting_for(definition, failure)
    facts["edited_codes"] = edits_in_words(definition)
    try:
        found = scan_mission(definition)
        facts["incoming"] = {"settled": len(found.settled), "unsettled": found.unsettled}
    except UserError as error:
        facts["incoming"] = {"problem": str(error)}
    return facts


def _products(connection: Transaction, definition: Definition) -> list[Facts]:
    """The products in numbers: those of the mission file, and those retired of which files are left."""
    names = {product.name for product in definition.products.values()}
    return [row for row in reading.products_in_numbers(connection) if row["files"] or row["product"] in names]


def _quarantine(connection: Transaction, definition: Definition) -> Facts:
    """How many files are in quarantine, how many are recorded there and gone, and the latest that are there."""
    recorded = quarantine.stored_names(connection)
    try:
        there = set(os.listdir(definition.mission.quarantine))
    except FileNotFoundError:
        there = set()
    except OSError:  # nobody can tell; check says why
        there = set(recorded.values())
    numbers = [number for number, name in recorded.items() if name in there]
    return {
        "quarantine": len(numbers),
        "quarantine_gone": len(recorded) - len(numbers),
        "quarantined": [quarantine.entry(connection, number) for number in numbers[:_LATEST]],
    }


def _print_status(facts: Facts) -> None:
    click.echo(f"mission {facts['mission']} in {facts['root']}")
    if facts["root_problem"]:
        click.echo(f"no run does anything: {facts['root_problem']}")
    click.echo(f"lock: {facts['lock'] or 'free'}")
    run = facts["last_run"]
    if run:
        click.echo(f"last run: {cell(run['processing_start_time'])}, {run['comment'] or 'not ended'}")
    incoming = facts["incoming"]
    click.echo(
        f"incoming: {incoming.get('problem') or ', '.join(f'{count} {name}' for name, count in incoming.items())}"
    )
    for edit in facts["edited_codes"]:
        click.echo(f"edited: {edit['code']}: {edit['changed']}; {edit['consequence']}")
    click.echo(f"queue: {facts['queue']} files")
    click.echo()
    print_table(facts["products"], ("product", "level", "files", "first", "last"))
    if facts["failures"]:
        click.echo("\nfailed:")
    for failure in facts["failures"]:
        subject = f"{failure['process']} {failure['date']} {failure['keywords']}".strip()
        click.echo(f"  {cell(subject)}: {cell(failure['message'])} ({retry_words(failure)})")
        if failure["log"]:
            click.echo(f"    log: {failure['log']}")
        if failure["waiting"]:
            click.echo(f"    waiting for it: {_waiting_words(failure['waiting'])}")
    if facts["quarantine"]:
        click.echo(f"\nin quarantine: {facts['quarantine']}")
    for entry in facts["quarantined"]:
        click.echo(f"  {cell(entry['filename'])}: {entry['reason']}: {cell(entry['message'])}")
    if facts["quarantine_gone"]:
        click.echo(f"\ngone from quarantine: {facts['quarantine_gone']}; dbproc check names them")


def _waiting_words(waiting: list[Facts]) -> str:
    """What waits, the first few by name."""
    names = [f"{each['waiting']} {each['date']} {each['keywords']}".rstrip() for each in waiting[:_SHOWN]]
    more = len(waiting) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


@click.command("queue")
@mission_option
@json_option
@click.option(
    "--flush", is_flag=True, help="Empty the queue. What is stale then is not looked at until its inputs change."
)
def queue_command(mission: str, as_json: bool, flush: bool) -> None:
    """List the files still to be looked at as inputs of new work."""
    if flush:
        with open_own_mission(mission) as store, store.begin() as connection:
            click.echo(f"flushed {queue.flush(connection)} files from the queue")
        return
    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        rows = queue.entries(connection)
    if as_json:
        print_json(rows)
    elif rows:
        print_table(rows, ("filename", "product_name", "utc_file_date", "reason", "queued_time"))
    else:
        click.echo("the queue is empty")


@click.command("why")
@click.argument("subject", metavar="FILE | PRODUCT DATE")
@click.argument("date", required=False, metavar="")
@mission_option
@json_option
def why_command(subject: str, date: str | None, mission: str, as_json: bool) -> None:
    """Explain a FILE: the reasons it was made for, its inputs and code, and whether it is up to date.

    With PRODUCT and DATE (YYYY-MM-DD): why there is a file, or none, down to the cause: what was not delivered, failed,
    has no code, and so on, each below what waits for it.

    Example: dbproc why clean 2024-05-01
    """
    from dbproc.explain import why

    with open_mission(mission, read_only=True) as store:
        facts = why.why_file(store, subject) if date is None else why.why_date(store, subject, _date(date))
    if as_json:
        print_json(facts)
    elif date is None:
        _print_why_file(facts)
    else:
        _print_why_date(facts)


def _print_why_file(facts: Facts) -> None:
    file, attempt = facts["file"], facts["attempt"]
    keywords = f" {cell(file['keywords'])}" if file["keywords"] else ""
    click.echo(f"{cell(file['filename'])}: {file['product']} {file['date']}{keywords} version {file['version']}")
    click.echo(f"  in {cell(file['directory'])}, {file['size']} bytes, {file['digest']}")
    if attempt is None:
        click.echo("  was delivered")
    else:
        _print_attempt(facts)
    if facts["newest"] != file["filename"]:
        click.echo(f"  is replaced by {cell(facts['newest'])}")
    elif "state" in facts:
        click.echo(f"  now: {facts['state']}: {cell(facts['explanation'])}")
        for change in facts["changes"]:
            click.echo(f"    {cell(change)}")
    for row in facts.get("upstream", ()):
        click.echo(f"  it came from {cell(row['file'])}, which is {row['state']}: {cell(row['explanation'])}")


def _print_attempt(facts: Facts) -> None:
    attempt = facts["attempt"]
    click.echo(
        f"  made {cell(attempt['ended'])} by {attempt['process']} with {attempt['code']} {attempt['code_version']}"
    )
    for reason in attempt["reasons"]:
        click.echo(f"  because: {cell(reason)}")
    for row in facts["inputs"]:
        click.echo(f"  from {cell(row['filename'])}{_choice_words(row)}")
    for name in facts["made_with"]:
        click.echo(f"  together with {cell(name)}")
    for words in _confirmed_words(facts["confirmed"]):
        click.echo(f"  {words}")


def _confirmed_words(confirmed: list[Facts]) -> list[str]:
    """What a file was not made again for."""
    return [
        f"confirmed with {cell(each['source'])}, which equals {cell(each['replaced'])} ({cell(each['confirmed'])})"
        for each in confirmed
    ]


def _choice_words(row: Facts) -> str:
    """Which of several products that stand for each other an input is of."""
    choice = row.get("choice")
    if choice is None:
        return ""
    place = "the first" if choice["place"] == 1 else f"number {choice['place']}"
    return f" ({row['product']}, {place} of {', '.join(choice['of'])})"


def _print_why_date(facts: Facts) -> None:
    """Each cause, and below it, indented, what it is caused by."""
    todo = [(facts, 0)]
    while todo:
        node, depth = todo.pop()
        _print_cause(node, depth)
        todo.extend((cause, depth + 1) for cause in reversed(node["because"]))


def _print_cause(facts: Facts, depth: int) -> None:
    subject = f"{facts['product']} {facts['date']} {facts['keywords']}".rstrip()
    _print_at(depth, f"{cell(subject)}: {facts['state']}: {cell(facts['explanation'])}")
    for row in facts["files"]:
        _print_at(depth + 1, f"there is {cell(row['filename'])}{'' if row['exists_on_disk'] else ', gone from disk'}")
    for line in facts["details"]:
        _print_at(depth + 1, cell(line))
    attempt = facts["last_attempt"]
    if attempt:
        message = f": {cell(attempt['message'])}" if attempt["message"] else ""
        retry = f" ({retry_words(attempt)})" if attempt["status"] in ("failed", "refused") else ""
        _print_at(depth + 1, f"last attempt {cell(attempt['created'])}: {attempt['status']}{message}{retry}")
        if attempt["log"] and os.path.exists(attempt["log"]):
            _print_at(depth + 1, f"log: {attempt['log']}")
    for row in facts["incoming"]:
        _print_at(depth + 1, f"in incoming: {cell(row['file'])} {row['text']}")
    for row in facts["quarantined"]:
        entry = f"{row['quarantine_id']} {cell(row['filename'])}: {row['reason']}: {cell(row['message'])}"
        _print_at(depth + 1, f"in quarantine: {entry}")


def _print_at(depth: int, line: str) -> None:
    click.echo(f"{_indent(depth)}{line}")


def _indent(depth: int) -> str:
    """Two blanks for each step; where these would fill the screen, the number of the step."""
    return "  " * depth if depth <= _DEEPEST else f"{'  ' * _DEEPEST}[{depth}] "


@click.command("lineage")
@click.argument("file")
@mission_option
@json_option
def lineage_command(file: str, mission: str, as_json: bool) -> None:
    """Show what FILE came from, step by step, and what came from it."""
    with open_mission(mission, read_only=True) as store:
        facts = lineage.lineage(store, file)
    if as_json:
        print_json(facts)
        return
    for depth, row, is_repeated in lineage.ancestry(facts):
        made = f"  [{row['code']}]" if row["code"] else "  [delivered]"
        click.echo(f"{_indent(depth)}{cell(row['filename'])}{made}{' …' if is_repeated else ''}")
        _print_confirmed(row, depth)
    if facts["descendants"]:
        click.echo("\nwhat came from it:")
    for row in facts["descendants"]:
        click.echo(f"{_indent(row['depth'])}{cell(row['filename'])}  [{row['code']}]")
        _print_confirmed(row, row["depth"])


def _print_confirmed(row: Facts, depth: int) -> None:
    for words in _confirmed_words(row["confirmed"]):
        click.echo(f"{_indent(depth + 1)}{words}")


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@mission_option
@json_option
def inspect_command(file: Path, mission: str, as_json: bool) -> int:
    """Ask every product about FILE, and print each verdict. Exit status 1 when it is of no product."""
    from dbproc.products.inspection import Identity, Inspection

    path = str(file.absolute())
    if not os.path.lexists(path):
        raise UserError(f"there is no file {path}")
    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        definition = load_definition(connection)
    with Inspection(definition) as inspection:
        verdicts = inspection.verdicts(path)
        (answer,) = inspection.identify([path])
    names = {product_id: product.name for product_id, product in definition.products.items()}
    rows = [{"product": names[v.product_id], "facts": _facts_of(v.facts), "reason": v.reason} for v in verdicts]
    is_known = isinstance(answer, Identity)
    conclusion = f"is {answer.product.name}" if isinstance(answer, Identity) else answer.message
    if as_json:
        print_json({"file": path, "verdicts": rows, "conclusion": conclusion, "identified": is_known})
    else:
        for row in rows:
            click.echo(f"{row['product']}: {_verdict(row)}")
        click.echo(f"{cell(path)}: {cell(conclusion)}")
    return 0 if is_known else 1


def _verdict(row: Facts) -> str:
    if row["facts"] is None:
        return f"no: {cell(row['reason'])}"
    return "yes: " + ", ".join(f"{name} {cell(value)}" for name, value in row["facts"].items() if value)


def _facts_of(facts: Any) -> Facts | None:
    if facts is None:
        return None
    return {
        "date": facts.date.isoformat(),
        "start": facts.start.isoformat(),
        "stop": facts.stop.isoformat(),
        "version": None if facts.version is None else str(facts.version),
        "keywords": facts.keywords,
    }


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no date; write YYYY-MM-DD") from error
