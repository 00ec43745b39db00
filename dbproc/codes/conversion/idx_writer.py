"""The streaming writer that all converters share: a source goes in, a verified IDX dataset comes out, or nothing.

A child process opens the source and writes it slab by slab into a staging directory beside the target, reads every
slab back through OpenVisus, and audits the blocks. This process then writes the manifest, makes all durable and
renames it into place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbproc.codes.conversion.progress import Progress
from dbproc.codes.conversion.ranged import Range
from dbproc.codes.conversion.staging import Staging, refusing, staging
from dbproc.codes.idx.files import require_files
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.supervision import PATIENCE, child

MEMORY = 1 << 30
"""Bytes that a conversion may take, unless told otherwise."""
LEAST = 512 << 20
"""Bytes below which nothing can be promised: libraries, and OpenVisus while it reads back, take most of it."""
SHARE = 16
"""A slab is this part of the memory, or a quarter of what is beyond the least: large ones are written quicker."""
MOST_SHARE = 8
"""A slab may be this part of the memory at most: several are held at a time."""


@dataclass(frozen=True)
class Conversion:
    """One dataset to make.

    Parameters
    ----------
    opener
        ``module:function`` that opens the inputs: a :data:`dbproc.codes.conversion.source.Opener`.
    inputs
        The files it is made from, in order.
    output
        The ``.idx`` to write; its companion directory is placed beside it.
    options
        What the opener is told besides, as JSON.
    memory
        Bytes that the conversion may take at most, all processes together; at least :data:`LEAST`.
    slab
        Bytes of one slab; by default what the memory allows.
    join
        The axis along which several inputs are joined; see :func:`dbproc.codes.conversion.joined.joined`.
    new_axis
        The name of a new axis to join along, where nothing else is said.
    is_whole
        Whether the opener takes all inputs together; they are not joined then.
    timesteps
        The axis that becomes timesteps; see :func:`dbproc.codes.conversion.stepped.arranged`.
    ranges
        The indices of axes that are converted; see :func:`dbproc.codes.conversion.ranged.ranged`.
    keep_rows
        Whether rows are stored in the order of the source; see :mod:`dbproc.codes.conversion.rows`.
    suffixes, companions
        Which files of directories and archives are meant; see :func:`dbproc.codes.conversion.inputs.found`.
    codec
        How blocks are compressed; see :class:`dbproc.codes.idx.codec.Codec`.
    reuse
        The dataset, or a pattern of names, of which equal timesteps are taken over; see
        :mod:`dbproc.codes.conversion.reuse`.
    patience
        Seconds that any one step may take, besides the time its size asks for.
    """

    opener: str
    inputs: Sequence[Path]
    output: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    memory: int = MEMORY
    slab: int | None = None
    join: str = ""
    new_axis: str = "file"
    is_whole: bool = False
    timesteps: str = ""
    ranges: Sequence[Range] = ()
    keep_rows: bool = False
    suffixes: Sequence[str] = ()
    companions: bool = False
    codec: str = "zip"
    reuse: str = ""
    patience: float = PATIENCE


def convert(conversion: Conversion) -> str:
    """Carry out a conversion.

    Returns
    -------
    str
        One line that says what was written.

    Raises
    ------
    Refusal
        When the input is not fit, the output cannot be written, or anything is not exactly as it should be. Nothing of
        the target is left then.
    """
    _require_memory(conversion)
    target = conversion.output.absolute()
    with refusing(target):
        require_files(path for path in conversion.inputs if not path.is_dir())
        with staging(target) as place:
            report = _build(conversion, place)
            place.publish()
    return _summary(target, report)


def slab_of(memory: int) -> int:
    """Bytes of a slab within a memory."""
    return min(max(memory // SHARE, (memory - LEAST) // 4), memory // MOST_SHARE)


def _require_memory(conversion: Conversion) -> None:
    """Refuse a limit that could not be kept."""
    if conversion.memory < LEAST:
        what = f"a conversion cannot be kept within {_mebibytes(conversion.memory)} MiB"
        raise Refusal("--memory", what, f"Give at least {_mebibytes(LEAST)}")
    most = conversion.memory // MOST_SHARE
    if (conversion.slab or 0) > most:
        told = f"{_mebibytes(conversion.slab or 0)} MiB are too many for a slab"
        what = f"{told} within {_mebibytes(conversion.memory)} MiB of memory"
        raise Refusal("--slab", what, f"Give at most {_mebibytes(most)}, or more --memory")


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):g}"


def _build(conversion: Conversion, place: Staging) -> dict[str, Any]:
    inputs = [path.absolute() for path in conversion.inputs]
    about = inputs[0] if len(inputs) == 1 else f"{inputs[0]} and {len(inputs) - 1} more"
    job = {
        "opener": conversion.opener,
        "inputs": [str(path) for path in inputs],
        "options": dict(conversion.options),
        "idx": str(place.idx),
        "slab": conversion.slab or slab_of(conversion.memory),
        "join": conversion.join,
        "new_axis": conversion.new_axis,
        "is_whole": conversion.is_whole,
        "timesteps": conversion.timesteps,
        "ranges": [list(each) for each in conversion.ranges],
        "keep_rows": conversion.keep_rows,
        "suffixes": list(conversion.suffixes),
        "companions": conversion.companions,
        "codec": conversion.codec,
        "reuse": conversion.reuse,
        "patience": conversion.patience,
    }
    report: dict[str, Any] = {}
    progress = Progress(conversion.output.name)
    try:
        work = "dbproc.codes.conversion.building:convert"
        with child(work, about, job, keep=(place.lock,), home=place.directory) as worker:
            for each in worker.reports():
                if "progress" in each:
                    progress.show(each["progress"])
                else:
                    report = each
    finally:
        progress.clear()
    return report


def _summary(target: Path, report: Mapping[str, Any]) -> str:
    shape = "x".join(str(size) for size in report["shape"])
    notes = "".join(f"; {note}" for note in report["notes"])
    return f"{target.name}: {', '.join(report['fields'])}, shape {shape}, {report['verdict']}{notes}"
