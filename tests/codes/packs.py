"""Makes small datasets through OpenVisus and packs them: a program, because OpenVisus belongs into its own process.

``make DIRECTORY CASES``, the cases as JSON, prints what came out; ``read URL FIELD STEP OUTPUT.npy SIZES`` reads.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from dbproc.codes.idx import blocks, manifest
from dbproc.codes.idx.codec import Codec
from dbproc.codes.idx.description import Axis, Description, Field, Metadata
from dbproc.codes.idx.packing import pack
from dbproc.codes.idx.refusal import Refusal


def values(dtype: str, shape: tuple[int, ...], seed: int) -> np.ndarray[Any, Any]:
    """Smooth with noise; reproducible."""
    walk = np.cumsum(np.random.default_rng(seed).normal(size=shape), axis=0)
    return (walk if dtype.startswith("float") else walk * 10).astype(dtype)


def array(case: dict[str, Any], k: int, step: int) -> np.ndarray[Any, Any]:
    """The values of field ``k`` at ``step``."""
    _, dtype, components = case["fields"][k]
    found = values(dtype, (*case["shape"], *([components] if components > 1 else [])), 100 * k + step)
    for index, value in case.get("holes", []):
        found.reshape(-1)[index] = value
    return found


def make(directory: Path, case: dict[str, Any]) -> dict[str, Any]:
    ov = importlib.import_module("OpenVisus")

    idx, shape = directory / f"{case['name']}.idx", tuple(case["shape"])
    fields = [Field(n, n, d, c, fills=tuple(case.get("fills", ()))) for n, d, c in case["fields"]]
    description = Description(
        "test", (), shape, tuple(Axis(f"a{i}", n) for i, n in enumerate(shape)), tuple(fields), "none"
    )
    blocks.create(idx, shape, fields, description.axes)
    _adjust(ov, idx, case)
    steps = range(case.get("steps", 1))
    db = ov.LoadDataset(str(idx))
    logic = ([0] * len(shape), list(shape[::-1]))
    for step in steps:
        for k, field in enumerate(fields):
            db.write(array(case, k, step), field=field.name, time=step, logic_box=logic)
    del db
    try:
        packed = pack(idx, Codec.parse(case["codec"]), threads=case.get("threads", 2), fields=fields)
    except Refusal as refusal:
        return {"refused": str(refusal), "files": sorted(path.name for path in directory.rglob("*.packed"))}
    blocks.annotate(idx, Metadata(description, shape, {}).to_text(), {})
    manifest.write(idx, packed.files)
    db, error, equal = ov.LoadDataset(str(idx)), 0.0, True
    for step in steps:
        for k, field in enumerate(fields):
            found, wanted = np.asarray(db.read(field=field.name, time=step, logic_box=logic)), array(case, k, step)
            equal &= found.dtype == wanted.dtype and found.tobytes() == wanted.tobytes()
            finite = np.isfinite(wanted)
            error = max(error, float(np.abs(found.astype("f8") - wanted)[finite].max()))
    return {
        "equal": equal,
        "error": error,
        "raw": packed.raw_bytes,
        "packed": packed.packed_bytes,
        "errors": dict(packed.errors),
        "notes": packed.notes,
        "digests": {name: facts.sha256 for name, facts in packed.files.items()},
    }


def _adjust(ov: Any, path: Path, case: dict[str, Any]) -> None:
    idx = ov.IdxFile()
    idx.load(str(path))
    idx.bitsperblock, idx.blocksperfile = case.get("bits", 8), case.get("per_file", 4)
    if "steps" in case:
        idx.timesteps, idx.time_template = ov.DatasetTimesteps(0, case["steps"] - 1, 1.0), "t%04d/"
    idx.save(str(path))


def read(url: str, field: str, step: str, output: str, sizes: str) -> None:
    ov = importlib.import_module("OpenVisus")

    dims = [int(each) for each in sizes.split(",")]
    db = ov.LoadDataset(url)
    np.save(output, np.asarray(db.read(field=field, time=int(step), logic_box=([0] * len(dims), dims))))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        results = {each["name"]: make(Path(sys.argv[2]), each) for each in json.loads(sys.argv[3])}
        print("RESULT" + json.dumps(results))
    else:
        read(*sys.argv[2:])
