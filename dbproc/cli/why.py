"""``dbproc why``: explain a file, or the files of a product on a date."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from dbproc.cli.common import (
    all_option,
    asking_options,
    cell,
    confirmed_words,
    echo_folded,
    indent,
    open_mission,
    print_json,
    print_some,
    retry_words,
)
from dbproc.cli.completers import complete_subjects
from dbproc.cli.correcting import DONE_TO_IT
from dbproc.cli.selection import mark_of, note_of
from dbproc.core.model import Period
from dbproc.core.reasons import in_few_words
from dbproc.core.slot_text import SlotChoice, read_key, read_time, time_shown
from dbproc.core.states import AttemptStatus, Correction, Standing
from dbproc.core.text import size_words
from dbproc.core.transfers import TransferState
from dbproc.database.corrections import CorrectionRow
from dbproc.explain.causes import Cause, why_slots
from dbproc.explain.transfers import ShownTransfer
from dbproc.explain.why_file import InputOfFile, WhyFile, why_file


@click.command("why")
@click.argument("subject", shell_complete=complete_subjects, metavar="FILE | PRODUCT WHEN [NAME=VALUE]...")
@click.argument("when", required=False, metavar="")
@click.argument("key", nargs=-1, metavar="")
@all_option
@asking_options
def why_command(
    subject: str, when: str | None, key: Sequence[str], everything: bool, mission: str, as_json: bool
) -> None:
    """Explain a FILE: the reasons it was made for, its inputs and code, and whether it is up to date.

    With PRODUCT and WHEN (a day, 2024-05-06, or an hour, minute or second of it, 2024-05-06T03), and maybe a key
    (station=BOL): why there is a file, or none, down to the cause: what was not delivered, failed, has no code, and so
    on, each below what waits for it.

    Examples: dbproc why clean 2024-05-01; dbproc why day 2024-05-06T03 station=BOL
    """
    with open_mission(mission, read_only=True) as store:
        if when is None:
            facts: WhyFile | Cause = why_file(store, subject)
        else:
            facts = why_slots(store, subject, SlotChoice(read_time(when), read_key(key)))
    if as_json:
        print_json(facts)
    elif isinstance(facts, WhyFile):
        _print_why_file(facts, everything=everything)
    else:
        _print_causes(facts, everything=everything)


def _print_why_file(facts: WhyFile, *, everything: bool) -> None:
    file, attempt = facts.file, facts.attempt
    slot = time_shown(Period(file.start, file.stop), file.keywords) if attempt is None else attempt.slot
    click.echo(f"{cell(file.filename)}: {file.product} {cell(slot)} version {file.version}")
    click.echo(f"  in {cell(file.directory)}, {size_words(file.size)}, {file.digest}")
    if attempt is None:
        arrived = "" if file.arrived is None else f", came {cell(file.arrived)}"
        click.echo(f"  was {'fetched' if facts.fetched else 'delivered'}{arrived}")
        for row in facts.fetched:
            echo_folded(f"  {_fetched_words(row, file.digest)}")
    else:
        _print_attempt(facts, everything=everything)
    if mark := mark_of(file):
        click.echo(f"  marked {cell(mark)}")
    if facts.says is not None:
        there = "" if facts.says.is_there else ", which has not come yet"
        echo_folded(f"  says {facts.says.quality} of {cell(facts.says.of)}{there}")
    if facts.releases:
        echo_folded(f"  in the release{'s' * (len(facts.releases) > 1)} {', '.join(map(cell, facts.releases))}")
    for correction in facts.corrections:
        echo_folded(f"  {_correction_words(correction)}")
    if file.standing is not Standing.IN_PLACE:
        click.echo(f"  is{standing_words(file.standing).lstrip(',')}")
    if facts.stores:
        echo_folded(f"  has copies in {', '.join(map(cell, facts.stores))}")
    if facts.newest != file.filename:
        click.echo(f"  is replaced by {cell(facts.newest)}")
    elif facts.state is not None:
        echo_folded(f"  now: {facts.state}: {cell(facts.explanation)}")
        changes = [change for change in facts.changes or () if change != facts.explanation]
        print_some(_few(facts, changes, everything=everything), "    ", everything=everything)
    upstream = [f"it came from {row.file}, which is {row.state}: {row.explanation}" for row in facts.upstream or ()]
    print_some(upstream, "  ", everything=everything)


def _fetched_words(row: ShownTransfer, digest: str) -> str:
    """From where a file was fetched, when, and how sure it is that its bytes are those of there."""
    told = f", as {cell(row.expected_of)} says" if row.expected_of else ""
    sure = f"verified{told}" if row.state is TransferState.VERIFIED else f"unverified: {cell(row.reason)}"
    other = "" if row.digest == digest else f" with {cell(row.digest)}"
    return f"from {cell(row.origin)} on {cell(row.ended)}{other}, {sure}"


def _few(facts: WhyFile, reasons: Sequence[str], *, everything: bool) -> Sequence[str]:
    """Reasons in few words, or all of them."""
    places = {row.filename: (row.product, row.date) for row in facts.inputs}
    return reasons if everything else in_few_words(reasons, places)


def _correction_words(row: CorrectionRow) -> str:
    """What was done to a file, when, by whom and why."""
    if row.kind is Correction.RENAME:
        named = f" named {cell(row.former['filename'])}" if "filename" in row.former else ""
        place = f" in {cell(row.former['relative_path'])}" if "relative_path" in row.former else ""
        return f"was{named}{place} until {cell(row.correction_time)}: {cell(row.reason)}"
    by = row.user if row.logging_id is None else f"run {row.logging_id}"
    cause = f" because of {cell(row.cause)}" if row.cause else ""
    before = f", before {row.digest}" if row.kind is Correction.REPLACE else ""
    undone = f"; undone {cell(row.undone_time)} by {cell(row.undone_by)}" if row.undone_time else ""
    words = f"{DONE_TO_IT[row.kind]} {cell(row.correction_time)} by {cell(by)}{cause}{before}"
    former = [f"{what} {cell(value)}" for what, value in row.former.items()]
    is_told = row.kind in (Correction.REINSPECT, Correction.ACCEPT) and former
    told = f", before {', '.join(former)}" if is_told else ""
    return f"{words}{told}{f': {cell(row.reason)}' if row.reason else ''}{undone}"


def standing_words(standing: Standing) -> str:
    """That a file is not in its place, and why; nothing of one that is."""
    if standing is Standing.IN_PLACE:
        return ""
    return ", gone from disk" if standing is Standing.LOST else f", {standing}"


def _print_attempt(facts: WhyFile, *, everything: bool) -> None:
    attempt = facts.attempt
    assert attempt is not None
    click.echo(f"  made {cell(attempt.ended)} by {attempt.process} with {attempt.code} {attempt.code_version}")
    reasons = _few(facts, attempt.reasons, everything=everything)
    print_some([f"because: {reason}" for reason in reasons], "  ", everything=everything)
    inputs = [(f"from {row.filename}{_choice_words(row)}", note_of(row)) for row in facts.inputs]
    print_some([f"{words} ({note})" if note else words for words, note in inputs], "  ", everything=everything)
    if attempt.log and os.path.exists(attempt.log):
        click.echo(f"  log: {attempt.log}")
    for name in facts.made_with:
        click.echo(f"  together with {cell(name)}")
    for words in confirmed_words(facts.confirmed):
        click.echo(f"  {words}")


def _choice_words(row: InputOfFile) -> str:
    """The place of an input's product in a choice."""
    choice = row.choice
    if choice is None:
        return ""
    place = "the first" if choice.place == 1 else f"number {choice.place}"
    return f" ({row.product}, {place} of {', '.join(choice.of)})"


def _print_causes(facts: Cause, *, everything: bool) -> None:
    """Print each cause, with its own causes indented below."""
    todo = [(facts, 0)]
    while todo:
        node, depth = todo.pop()
        _print_cause(node, depth, everything=everything)
        todo.extend((cause, depth + 1) for cause in reversed(node.because))


def _print_cause(facts: Cause, depth: int, *, everything: bool) -> None:
    state = "" if facts.state is None else f"{facts.state}: "
    _print_at(depth, f"{facts.product} {cell(facts.slot)}: {state}{cell(facts.explanation)}")
    there = [f"there is {row.filename}{standing_words(row.standing)}" for row in facts.files]
    print_some(there, indent(depth + 1), everything=everything)
    for line in facts.details:
        _print_at(depth + 1, cell(line))
    attempt = facts.last_attempt
    if attempt:
        message = f": {cell(attempt.message)}" if attempt.message else ""
        retry = f" ({retry_words(attempt)})" if attempt.status in (AttemptStatus.FAILED, AttemptStatus.REFUSED) else ""
        _print_at(depth + 1, f"last attempt {cell(attempt.created)}: {attempt.status}{message}{retry}")
        if attempt.log and os.path.exists(attempt.log):
            _print_at(depth + 1, f"log: {attempt.log}")
    for arrived in facts.incoming:
        _print_at(depth + 1, f"in incoming: {cell(arrived.file)} {arrived.text}")
    for coming in facts.on_their_way:
        until = "" if coming.next_try is None else f" until {cell(coming.next_try)}"
        words = f"{cell(coming.filename)}: {coming.state}{until}{f': {cell(coming.reason)}' if coming.reason else ''}"
        _print_at(depth + 1, f"at the source {cell(coming.source)}: transfer {coming.transfer_id}: {words}")
    for entry in facts.quarantined:
        words = f"{entry.quarantine_id} {cell(entry.filename)}: {entry.reason}: {cell(entry.message)}"
        _print_at(depth + 1, f"in quarantine: {words}")


def _print_at(depth: int, line: str) -> None:
    echo_folded(f"{indent(depth)}{line}")
