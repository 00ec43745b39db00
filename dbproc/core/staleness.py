"""Why an output is stale: its code and inputs against those that it was made of. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from dbproc.core.facts import Baseline, Output
from dbproc.core.model import Code, File, Input, Process, Reason
from dbproc.core.states import Standing
from dbproc.core.version import Part, Version, risen_part


def alternatives(inputs: Sequence[Input]) -> list[list[Input]]:
    """The inputs in their order, those that stand for each other together."""
    groups: dict[object, list[Input]] = {}
    for position, link in enumerate(inputs):
        groups.setdefault(("choice", link.choice) if link.choice is not None else position, []).append(link)
    return list(groups.values())


def stale_reasons(
    output: Output | None, code: Code, wanted: Collection[File], process: Process | None = None
) -> Iterator[Reason]:
    """Every difference between how `output` was made and how it would be made now; none when it is up to date.

    `process` tells which inputs stand for each other, and whether a newer version with the same contents counts.
    """
    if output is None:
        yield Reason("no output yet")
        return
    is_gone = not (output.exists or output.is_held)
    if not is_gone and _is_as_imported(output, code, wanted, process):
        return
    if is_gone:
        gone = "was withdrawn with an input" if output.file.standing is Standing.FOLLOWING else "is gone from disk"
        yield Reason(f"{output.file.filename} {gone}", Part.REVISION)
    if output.code_id is None or output.code_version is None:
        if output.baseline is not None and _is_by(output.baseline, code):
            yield from _reasons_of_inputs(_as_imported(output, output.baseline), wanted, process)
        else:
            yield Reason(f"{output.file.filename} was delivered, not made by this process", Part.QUALITY)
        return
    yield from code_reasons(code, output.code_id, output.code_version)
    yield from _reasons_of_inputs(output.inputs, wanted, process)


def _is_as_imported(output: Output, code: Code, wanted: Collection[File], process: Process | None) -> bool:
    """Whether a file was imported, and nothing of what it counts as made from has changed since."""
    baseline = output.baseline
    if baseline is None or not _is_by(baseline, code):
        return False
    return not any(_reasons_of_inputs(_as_imported(output, baseline), wanted, process))


def _is_by(baseline: Baseline, code: Code) -> bool:
    return baseline.code_id is not None and code.is_same(baseline.code_id)


def _as_imported(output: Output, baseline: Baseline) -> Iterable[File]:
    """What a file counts as made from, and of what it was really made from whatever was taken back since."""
    counted = {file.file_id: file for file in baseline.inputs}
    counted.update((file.file_id, file) for file in output.inputs if file.standing.is_taken_back)
    return counted.values()


def _reasons_of_inputs(
    made_from: Iterable[File], wanted: Collection[File], process: Process | None
) -> Iterator[Reason]:
    ranks = _ranks(process.inputs) if process else {}
    return _input_reasons(made_from, wanted, ranks, by_content=process is not None and process.early_cutoff)


def is_taken_over(output: Output, wanted: Collection[File]) -> bool:
    """Whether a file counts as made from what it would be made from, and was made from something else."""
    if output.baseline is None:
        return False
    return output.code_id is None or {file.file_id for file in output.inputs} != {file.file_id for file in wanted}


def code_reasons(code: Code, old_id: int, old_version: Version) -> Iterator[Reason]:
    if code.is_same(old_id):
        return
    part = _part(risen_part(old_version, code.version), Part.REVISION)
    name = code.path.rsplit("/", 1)[-1]
    yield Reason(f"code {name} changed from {old_version} to {code.version}", part)


_Ranks = Mapping[int, tuple[int, int]]
"""By product that stands for others: its choice, and its place in it; 0 is the best."""


def _ranks(inputs: Sequence[Input]) -> dict[int, tuple[int, int]]:
    return {
        link.product_id: (link.choice, rank)
        for group in alternatives(inputs)
        for rank, link in enumerate(group)
        if link.choice is not None
    }


def _input_reasons(
    made_from: Iterable[File], wanted: Iterable[File], ranks: _Ranks, *, by_content: bool
) -> Iterator[Reason]:
    """What differs, in the order of the wanted inputs, then what is no longer wanted."""
    made_from, wanted = list(made_from), list(wanted)
    added, replaced, removed = compared(made_from, wanted, ranks)
    before, after = _taken(made_from, ranks), _taken(wanted, ranks)
    reasons = {file.file_id: _added(file, before, ranks) for file in added}
    reasons |= {
        new.file_id: _replaced(old, new, ranks)
        for old, new in replaced
        if not (old.content == new.content and (by_content or old.filename == new.filename))
    }
    yield from (reasons[file.file_id] for file in wanted if file.file_id in reasons)
    for file in removed:
        if after.get(_choice(file, ranks)) in (None, before.get(_choice(file, ranks))):
            yield Reason(f"input {file.filename} {_removed(file)}", Part.QUALITY)


def _added(file: File, before: Mapping[int | None, int], ranks: _Ranks) -> Reason:
    """An input that takes the place of none in particular; `before`: which product of each choice was used."""
    old_rank = before.get(_choice(file, ranks))
    if old_rank is None or old_rank == ranks[file.product_id][1]:
        return Reason(f"input {file.filename} added", Part.QUALITY)
    quality = "better " if ranks[file.product_id][1] < old_rank else "other "
    return Reason(f"{quality}input {file.filename}", Part.QUALITY)


def _removed(file: File) -> str:
    if file.quality.is_doubt and file.standing.exists:
        return f"removed, which is marked {file.quality}"
    return "withdrawn" if file.standing in (Standing.WITHDRAWN, Standing.FOLLOWING) else "removed"


def _replaced(old: File, new: File, ranks: _Ranks) -> Reason:
    if old.product_id == new.product_id:
        part = _part(risen_part(old.version, new.version), Part.QUALITY)
        if old.filename == new.filename:
            return Reason(f"input {old.filename} has other bytes", part)
        if old.standing in (Standing.WITHDRAWN, Standing.FOLLOWING):
            return Reason(f"input {old.filename} withdrawn, {new.filename} in its place", part)
        return Reason(f"input {old.filename} replaced by {new.filename}", part)
    quality = "better " if ranks[new.product_id][1] < ranks[old.product_id][1] else "other "
    return Reason(f"{quality}input {new.filename} in the place of {old.filename}", Part.QUALITY)


def _choice(file: File, ranks: _Ranks) -> int | None:
    """The choice that a file's product belongs to, None for a product that stands alone."""
    return ranks[file.product_id][0] if file.product_id in ranks else None


def _taken(files: Iterable[File], ranks: _Ranks) -> dict[int | None, int]:
    """By choice: the place of the product that is used of it."""
    return {ranks[file.product_id][0]: ranks[file.product_id][1] for file in files if file.product_id in ranks}


def cause_of_withdrawal(output: Output, wanted: Collection[File], process: Process) -> File | None:
    """The input because of which an output is withdrawn that cannot be made any more: one that was taken back, or else
    one that is in the catalogue, and no input of the slot any more. What is only lost from disk is no reason. Of what
    was made elsewhere nobody knows what it was made from: what it counts as made from stands for that."""
    _, _, removed = compared(output.inputs or output.counted, wanted, _ranks(process.inputs))
    causes = [file for file in removed if file.standing.is_taken_back]
    counted = {file.file_id for file in output.counted}
    causes += [file for file in removed if file.standing.exists and file.file_id in counted]
    return causes[0] if causes else None


def compared(
    made_from: Iterable[File], wanted: Iterable[File], ranks: _Ranks
) -> tuple[list[File], list[tuple[File, File]], list[File]]:
    """The inputs that were added, replaced (old and new), and removed."""
    old = {file.file_id: file for file in made_from}
    new = {file.file_id: file for file in wanted}
    gone = {_identity(file, ranks): file for key, file in old.items() if key not in new}
    added, replaced = [], []
    for key, file in new.items():
        if key in old:
            continue
        before = gone.pop(_identity(file, ranks), None)
        if before is None:
            added.append(file)
        else:
            replaced.append((before, file))
    return added, replaced, list(gone.values())


def _part(risen: Part | None, otherwise: Part) -> Part:
    """What rose, or what counts when two things that differ have one version."""
    return otherwise if risen is None else risen


def _identity(file: File, ranks: _Ranks) -> tuple[object, dt.date, str]:
    """The same for versions of one file, and for files of products that stand for each other."""
    choice = ranks.get(file.product_id)
    return (file.product_id if choice is None else ("choice", choice[0])), file.date, file.keywords
