"""The end: everything is put right, and the mission is held against one that nothing disturbed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.crash.chaos.children import RUN, Children, said
from tests.crash.chaos.ground import Ground, digest_of

MOST_RUNS = 60
"""So many runs may it take until nothing is left to do; codes fail three times at most."""
TO_RELEASE = {"unreadable", "unknown_file", "dead_run", "place_taken", "bad_place", "inspector_failed"}
"""Reasons for which a file may be in quarantine that is all right: a person releases it."""
DUE = """
SELECT count(*) FROM attempt
"""
NEWEST = """
SELECT p.product_name, f.utc_file_date, f.process_keywords, f.relative_path, f.filename, f.file_id, f.shasum
FROM file f JOIN product p ON p.product_id = f.product_id WHERE f.exists_on_disk AND p.product_name <> 'extra'
ORDER BY f.interface_version, f.quality_version, f.revision_version
"""
_SHOWN = 12


@dataclass(frozen=True)
class State:
    """Contents and lineage of the newest files, by product, date and keywords."""

    contents: dict[str, str]
    inputs: dict[str, frozenset[str]]

    def differences(self, wanted: State) -> list[str]:
        """How this one differs from the one that is wanted, in words."""
        lines = []
        for slot in sorted(self.contents.keys() | wanted.contents.keys()):
            mine, theirs = self.contents.get(slot), wanted.contents.get(slot)
            if mine != theirs:
                lines.append(f"{slot}: {_short(mine)} instead of {_short(theirs)}")
            elif self.inputs.get(slot) != wanted.inputs.get(slot):
                lines.append(f"{slot}: made from {self.inputs.get(slot)} instead of {wanted.inputs.get(slot)}")
        return lines


def _short(text: str | None) -> str:
    return "nothing" if text is None else repr(text if len(text) < 160 else f"{text[:80]}…{text[-60:]}")


def state(ground: Ground) -> State:
    """The state of a mission, read without dbproc."""
    members: dict[int, list[str]] = {}
    for file_id, path in ground.rows("SELECT file_id, member_path FROM filemember ORDER BY member_path"):
        members.setdefault(file_id, []).append(path)
    contents, slots = {}, {}
    for product, date, keywords, directory, name, file_id, _ in ground.rows(NEWEST):
        slot = f"{product} {str(date)[:10]} {keywords}".strip()
        home = ground.root / directory / name
        parts = [_read(home), *(f"{path}={_read(home.with_suffix('') / path)}" for path in members.get(file_id, []))]
        contents[slot], slots[file_id] = "|".join(parts), slot
    newest = {slot: file_id for file_id, slot in slots.items()}
    inputs: dict[str, set[str]] = {}
    for made, source in ground.rows("SELECT resulting_file, source_file FROM filefilelink"):
        slot = slots.get(made, "")
        if newest.get(slot) == made:
            inputs.setdefault(slot, set()).add(slots.get(source, "a file that is missing"))
    return State(contents, {slot: frozenset(found) for slot, found in inputs.items()})


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def finish(ground: Ground, children: Children) -> Iterator[str]:
    """Let a person put right what they would, and runs do the rest; gives what is wrong in the end."""
    yield from _done(children, 0, "dbproc", "apply", str(ground.mission_file))
    yield from _run_until_done(ground, children)
    children.wait(children.start("dbproc", "check", "--repair"))
    _release(ground, children)
    yield from _run_until_done(ground, children)
    yield from _done(children, 0, "dbproc", "check", "--deep")
    for what, statement in (
        ("queued", "SELECT file_id FROM processqueue"),
        ("announced", "SELECT source, target FROM placement"),
        ("running", "SELECT attempt_id FROM attempt WHERE status = 'running'"),
        ("locked", "SELECT logging_id FROM logging WHERE currently_processing"),
    ):
        rows = ground.rows(statement)
        if rows:
            yield f"still {what}: {rows[:_SHOWN]}"
    work = ground.root / ".dbproc" / "work"
    left = sorted(os.listdir(work)) if work.exists() else []
    if left:
        yield f"still in {work}: {left[:_SHOWN]}"


def _run_until_done(ground: Ground, children: Children) -> Iterator[str]:
    before, text, status = -1, "", 0
    for _ in range(MOST_RUNS):
        child = children.start(RUN, "-n", "2")
        status, text = children.wait(child), said(child)
        ((attempts,),) = ground.rows(DUE)
        ((queued,),) = ground.rows("SELECT count(*) FROM processqueue")
        if status == 0 and attempts == before and not queued:
            return
        before = attempts
    yield f"{MOST_RUNS} runs, and something is still to be done; the last one: status {status}\n{text[-3000:]}"


def _release(ground: Ground, children: Children) -> None:
    rows = ground.rows("SELECT quarantine_id, reason FROM quarantine WHERE released_time IS NULL")
    numbers = [str(number) for number, reason in rows if reason in TO_RELEASE]
    for number in numbers:
        children.wait(children.start("dbproc", "quarantine", "release", number))


def _done(children: Children, status: int, *words: str) -> Iterator[str]:
    child = children.start(*words)
    found = children.wait(child)
    if found != status:
        yield f"{child.words}: status {found}:\n{said(child)[-3000:]}"


def lost(ground: Ground) -> Iterator[str]:
    """Bytes that arrived and are nowhere."""
    missing = ground.ledger.missing(ground.root)
    if missing:
        yield f"{len(missing)} contents that arrived are nowhere any more: {missing[:_SHOWN]}"


def taken(ground: Ground, names: dict[str, set[str]]) -> tuple[dict[str, str], list[str]]:
    """Which of the contents that came under each name is in the catalogue; and what is wrong with that."""
    known = dict(ground.rows("SELECT filename, shasum FROM file"))
    chosen, faults = {}, []
    for name, contents in sorted(names.items()):
        digests = {f"sha256:{digest_of(content.encode())}": content for content in contents}
        if known.get(name) in digests:
            chosen[name] = digests[known[name]]
        else:
            faults.append(f"{name} is not in the catalogue with any of the bytes that came: {known.get(name)}")
            chosen[name] = min(contents, key=len)
    return chosen, faults[:_SHOWN]


def as_json(found: State) -> str:
    return json.dumps({"contents": found.contents, "inputs": {key: sorted(x) for key, x in found.inputs.items()}})
