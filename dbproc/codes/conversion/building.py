"""Building a dataset in a staging directory: written and read back, packed, audited, described.

To be used in a child process only. The inputs' digests are taken while the blocks are written; timesteps that an
earlier dataset holds already are taken over from it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dbproc.codes.archives.compression import is_archive
from dbproc.codes.conversion.inputs import Inputs, found, listed
from dbproc.codes.conversion.joined import joined
from dbproc.codes.conversion.kinds import advice
from dbproc.codes.conversion.ranged import ranged
from dbproc.codes.conversion.reuse import Earlier, newest, take_over
from dbproc.codes.conversion.source import Source, opener
from dbproc.codes.conversion.spots import Spot, require_found
from dbproc.codes.conversion.stepped import MOST_AXES, arranged
from dbproc.codes.conversion.writing import Piece, Plan, read_back, reading, sample_bytes, write
from dbproc.codes.idx import hz, idx_file, manifest, packing
from dbproc.codes.idx.codec import Codec
from dbproc.codes.idx.coordinates import of_a_part
from dbproc.codes.idx.description import Description, Metadata, Number, Origin, Part, Tally
from dbproc.codes.idx.files import digested, origins, state
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.reports import Reports

SPACE = 2.2
"""Free space that is asked for, as a multiple of the size of all blocks: raw ones, and packed ones beside them."""
LOOKS = 4
"""How many times an opener may read an input before it tells what there is."""
UNPACKED = "inputs"
"""Where archives are unpacked, in the staging directory."""
RECIPE = 2
"""The number of how datasets are made. Raise it whenever a conversion writes other samples, another layout or other
counts than before for the same input and the same options: timesteps are shared only between datasets of one number.
"""

Job = dict[str, Any]


def convert(job: Job, reports: Reports) -> None:
    """Write the dataset of a source into a staging directory and verify it: ``x.idx`` and ``x/``."""
    named = [Path(name) for name in job["inputs"]]
    archived = state(named)
    path, unpacked = Path(job["idx"]), Path(job["idx"]).parent / UNPACKED
    with ExitStack() as stack:
        stack.enter_context(_naming(named, job["suffixes"], unpacked))
        inputs = found(named, job["suffixes"], unpacked, companions=job["companions"], progress=reports.step)
        before = state(inputs.files)
        reports.step(LOOKS * sum(_size(path) for path in inputs.files))
        with reading(job["about"], advice(inputs.files[0], job["opener"])):
            with of_a_part(bool(job["ranges"])):
                opened = stack.enter_context(_opened(job, inputs.files))
            opened = ranged(opened, job["ranges"], job["about"])
            source = arranged(opened, job["timesteps"], job["about"], keep_rows=job["keep_rows"])
        _build(source, inputs, path, job, reports)
    if (state(named), state(inputs.files)) != (archived, before):
        raise Refusal(job["about"], "it changed while it was converted", "Convert it again once it is complete")


@contextmanager
def _naming(named: Sequence[Path], suffixes: Sequence[str], unpacked: Path) -> Iterator[None]:
    """Whatever is refused of a file that was unpacked names the archive that it came from."""
    try:
        yield
    except Refusal as refusal:
        where = Path(refusal.where)
        if not where.is_relative_to(unpacked) or where == unpacked:
            raise
        number, *inside = where.relative_to(unpacked).parts
        archives = [path for path in listed(named, suffixes) if is_archive(path, single=not suffixes)]
        raise Refusal(archives[int(number)].joinpath(*inside), refusal.what, refusal.todo) from refusal


@contextmanager
def _opened(job: Job, inputs: Sequence[Path]) -> Iterator[Source]:
    """The inputs as one source."""
    function = opener(job["opener"])
    if job["is_whole"]:
        with function(inputs, job["options"]) as source:
            yield source
    else:
        with joined(function, inputs, job["options"], job["join"], job["new_axis"]) as source:
            yield source


def _build(source: Source, inputs: Inputs, path: Path, job: Job, reports: Reports) -> None:
    from dbproc.codes.idx import blocks

    own = source.description.noting(*inputs.notes())
    description = replace(own, origins=(*own.origins, *origins(inputs.archives)))
    plan, codec = Plan(description, job["slab"]), Codec.parse(job["codec"])
    _require_few_axes(job["about"], plan)
    blocks.create(path, plan.shape, description.fields, plan.axes, plan.steps)
    codec.require_fit(job["about"], len(plan.shape), idx_file.read(path).fields)
    _check_space(path, plan)
    with ThreadPoolExecutor(1) as hashing:
        digests = [hashing.submit(digested, each) for each in description.origins]
        earlier, steps, told = _earlier(job, plan, codec, digests)
        plan = replace(plan, done=steps)
        spots: list[Spot] = []
        pieces = list(write(source, plan, path, job["about"], reports, spots))
        read_back(path, pieces, reports)
        require_found(path, description, spots, job["about"])
        description = replace(description, origins=tuple(each.result() for each in digests))
    packed = _packed(path, codec, plan, reports)
    taken = take_over(earlier, path, steps) if earlier else {}
    packing.audit(path)
    description = _counted(description, plan, pieces, earlier, steps).noting(*packed.notes)
    tallies = _tallies(description, pieces, steps)
    metadata = Metadata(description, plan.shape, tallies, job["options"], recipe(job))
    blocks.annotate(path, metadata.to_text(), _ranges(tallies))
    manifest.write(path, {**packed.files, **taken})
    fields = [f"{each.name} {each.openvisus_dtype}" for each in description.fields]
    verdict = f"stored by {codec}, within its bound" if codec.lossy else "read back equal"
    reports.send(
        {"verdict": verdict, "fields": fields, "shape": description.shape, "notes": [*description.notes, *told]}
    )


def _size(path: Path) -> int:
    """Bytes of an input, with the directory of blocks that belongs to an ``.idx``."""
    blocks = manifest.companion(path).rglob("*") if path.suffix == ".idx" else ()
    return path.stat().st_size + sum(each.stat().st_size for each in blocks if each.is_file())


def recipe(job: Job) -> str:
    """How a dataset is made: the number of the programs, and a digest of the options and of how it is stored.

    Datasets of versions before there was a number have a digest alone, which equals none of these.
    """
    told = [job[name] for name in ("opener", "options", "codec", "join", "timesteps", "ranges", "keep_rows")]
    return f"{RECIPE}-{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()}"


def _earlier(
    job: Job, plan: Plan, codec: Codec, digests: Sequence[Future[Origin]]
) -> tuple[Earlier | None, dict[int, int], list[str]]:
    """The dataset from which timesteps are to be taken over, which (new numbers and old ones), and what to tell of it.

    Nothing is taken from one that is damaged: the new dataset does not depend on it.
    """
    if not job["reuse"]:
        return None, {}, []
    if codec.lossy:
        what = f"timesteps that are stored with loss, as {codec} does, cannot be taken over"
        raise Refusal(job["about"], what, "Leave out --reuse, or choose zip, raw or zfp")
    if plan.steps is None:
        raise Refusal(job["about"], "only timesteps can be taken over from an earlier dataset", "Give --timesteps AXIS")
    try:
        earlier = newest(job["reuse"])
    except Refusal as refusal:
        return None, {}, [f"no timesteps were shared: {refusal}"]
    if earlier is None:
        return None, {}, [f"no timesteps were shared: there is no {job['reuse']} yet"]
    description = replace(plan.description, origins=tuple(each.result() for each in digests))
    steps = earlier.steps_of(description, plan.shape, recipe(job))
    return earlier, steps, [f"{len(steps)} of {plan.steps} timesteps shared with {earlier.path.name}"]


def _packed(path: Path, codec: Codec, plan: Plan, reports: Reports) -> packing.Packed:
    done = 0

    def progress(size: int) -> None:
        nonlocal done
        reports.advance(size - done)
        reports.step(size - done)
        done = size

    reports.begin("packing", sum(each.stat().st_size for each in path.with_suffix("").rglob("*.bin")))
    return packing.pack(path, codec, progress=progress, fields=plan.description.fields)


def _counted(
    description: Description, plan: Plan, pieces: Sequence[Piece], earlier: Earlier | None, steps: dict[int, int]
) -> Description:
    """The description with what was counted in each part, and with what its storing calls for."""
    from dbproc.codes.idx.values import total

    spatial = description.shape[1:] if description.timesteps else description.shape
    if len(plan.shape) < len(spatial):
        description = description.noting(f"stored as {plan.shape}: leading axes of size 1 are left out of the IDX")
    if not description.timesteps:
        return description
    of_steps: dict[tuple[int, str], list[Tally]] = defaultdict(list)
    for piece in pieces:
        of_steps[piece.step, piece.field.name].append(piece.tally)

    def counted(part: Part) -> Part:
        if earlier and part.start in steps:
            return earlier.counted(part, steps[part.start])
        names = [each.name for each in description.fields]
        within = range(part.start, part.stop)
        return replace(part, tallies={name: total(t for i in within for t in of_steps[i, name]) for name in names})

    return replace(description, parts=tuple(counted(part) for part in description.parts))


def _tallies(description: Description, pieces: Sequence[Piece], steps: dict[int, int]) -> dict[str, Tally]:
    """What was counted in each field as a whole."""
    from dbproc.codes.idx.values import total

    tallies = {
        field.name: [part.tallies[field.name] for part in description.parts if part.start in steps]
        for field in description.fields
    }
    for piece in pieces:
        tallies[piece.field.name].append(piece.tally)
    return {name: total(each) for name, each in tallies.items()}


def _ranges(tallies: dict[str, Tally]) -> dict[str, tuple[Number, Number]]:
    """The least and the greatest value of each field that has any."""
    ends = {name: (each.minimum, each.maximum) for name, each in tallies.items()}
    return {name: (low, high) for name, (low, high) in ends.items() if low is not None and high is not None}


def _require_few_axes(about: str, plan: Plan) -> None:
    """Refuse what OpenVisus cannot take as an array: components count as an axis for it."""
    several = [each for each in plan.description.fields if each.components > 1]
    if several and len(plan.shape) >= MOST_AXES:
        told = f"field {several[0].name} has {several[0].components} components"
        what = f"it has {len(plan.shape)} axes, and {told}; {MOST_AXES - 1} axes can be stored then"
        told = "Store one as timesteps (--timesteps AXIS)" if plan.steps is None else "Convert a part"
        raise Refusal(about, what, told)


def _check_space(path: Path, plan: Plan) -> None:
    """Refuse what there is no room for."""
    needed, free = SPACE * plan.bytes, shutil.disk_usage(path.parent).free
    if needed <= free:
        stored = idx_file.read(path)
        block = sum(sample_bytes(each) for each in plan.description.fields) << stored.bits_per_block
        needed = SPACE * block * sum(1 for _ in hz.needed(stored)) * (plan.steps or 1)
    if needed > free:
        what = f"{needed / 1e6:.0f} MB of free space are needed, there are {free / 1e6:.0f} MB"
        raise Refusal(path.parent.parent, what, "Make room or name another directory")
