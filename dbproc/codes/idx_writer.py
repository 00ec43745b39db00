"""The streaming writer that all converters share: a source goes in, a verified IDX dataset comes out, or nothing.

A child process opens the source and writes it slab by slab into a staging directory beside the target, reads every
slab back through OpenVisus, and audits the blocks. This process then writes the manifest, makes all durable and
renames it into place.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbproc.codes import manifest
from dbproc.codes.refusal import Refusal
from dbproc.codes.slabs import BUDGET
from dbproc.codes.source import require_files
from dbproc.codes.staging import Staging, staging
from dbproc.codes.supervision import PATIENCE, child


@dataclass(frozen=True)
class Conversion:
    """One dataset to make.

    Parameters
    ----------
    opener
        ``module:function`` that opens the inputs: a :data:`dbproc.codes.source.Opener`.
    inputs
        The files it is made from, in order.
    output
        The ``.idx`` to write; its companion directory is placed beside it.
    options
        What the opener is told besides, as JSON.
    budget
        Bytes of one slab.
    patience
        Seconds that any one step may take, besides the time its size asks for.
    """

    opener: str
    inputs: Sequence[Path]
    output: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    budget: int = BUDGET
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
    require_files(conversion.inputs)
    target = conversion.output.absolute()
    try:
        with staging(target) as place:
            report = _build(conversion, place)
            manifest.write(place.idx)
            place.publish()
    except OSError as error:
        raise Refusal(error.filename or target, str(error.strerror), "Nothing was kept; mend that first") from error
    return _summary(target, report)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that all converters have."""
    parser.add_argument(
        "--slab", type=_mebibytes, default=BUDGET, metavar="MIB", help="memory for one slab (default: 256)"
    )
    parser.add_argument(
        "--patience",
        type=_seconds,
        default=PATIENCE,
        metavar="SECONDS",
        help="how long a step may take, besides the time its size asks for (default: %(default)s)",
    )


def _build(conversion: Conversion, place: Staging) -> dict[str, Any]:
    inputs = [path.absolute() for path in conversion.inputs]
    about = inputs[0] if len(inputs) == 1 else f"{inputs[0]} and {len(inputs) - 1} more"
    job = {
        "opener": conversion.opener,
        "inputs": [str(path) for path in inputs],
        "options": dict(conversion.options),
        "idx": str(place.idx),
        "budget": conversion.budget,
        "patience": conversion.patience,
    }
    report: dict[str, Any] = {}
    with child("convert", about, job, keep=(place.lock,)) as worker:
        for each in worker.reports():
            report = each
    return report


def _summary(target: Path, report: Mapping[str, Any]) -> str:
    shape = "x".join(str(size) for size in report["shape"])
    notes = "".join(f"; {note}" for note in report["notes"])
    return f"{target.name}: {', '.join(report['fields'])}, shape {shape}, read back equal{notes}"


def _mebibytes(text: str) -> int:
    return max(1, int(float(text) * (1 << 20)))


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return seconds
